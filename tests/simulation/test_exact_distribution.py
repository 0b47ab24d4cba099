"""Exact jumps sample the Boltzmann distribution, whatever the network."""

import pytest
from proposals import chain, chance_below, torsions_after_jumps
from scipy.stats import kstest

from openmm_stegmn.models import TorsionProposal


class WithoutDensities(TorsionProposal):
    """As an acceptance test of the energy alone would have it."""

    def trials(self, base, noise):
        frames, log_ratio = super().trials(base, noise)
        return frames, 0 * log_ratio


def torsions(kind=TorsionProposal, jumps=600, **options):
    """Of every other jump: those in between make them independent."""
    return torsions_after_jumps(chain(kind, options={"tries": 8}, **options), jumps)[::2]


@pytest.mark.parametrize(("temperature", "other"), [(300, 600), (600, 300)])
def test_torsions_follow_boltzmann(temperature, other):
    found = torsions(temperature=temperature)
    assert kstest(found, chance_below(temperature)).pvalue > 1e-3
    assert kstest(found, chance_below(other)).pvalue < 1e-4


def test_without_the_densities_they_do_not():
    found = torsions(WithoutDensities, jumps=200, components=2)
    assert kstest(found, chance_below(300)).pvalue < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("config", [{}, {"lag": 10}, {"lag": 1}])
@pytest.mark.parametrize("temperature", [300, 600])
def test_torsions_follow_boltzmann_closely(config, temperature):
    found = torsions(jumps=4000, temperature=temperature, seed=2, **config)[::2]
    assert kstest(found, chance_below(temperature)).pvalue > 1e-3
