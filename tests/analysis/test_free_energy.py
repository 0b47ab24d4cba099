"""Free energies, their errors and their comparison."""

import math

import numpy as np
import pytest

from openmm_stegmn.analysis import (
    angle_edges,
    angle_histogram,
    free_energy_error,
    free_energy_of,
)


def test_free_energies():
    random = np.random.default_rng(0)
    first, second = random.vonmises(0.5, 2.0, size=(2, 200_000))
    reference = angle_histogram(first, second)
    assert reference.sum() == 200_000
    assert free_energy_error(7 * reference, reference) == (pytest.approx(0.0, abs=1e-12), 0.0)
    # a known difference: one half of the plane counts e times as much
    changed = reference.copy()
    changed[:12] *= math.e
    populated = reference >= 1e-3 * reference.sum()
    half = populated[:12].sum() / populated.sum()
    expected = math.sqrt(half * (1 - half))
    assert free_energy_error(changed, reference)[0] == pytest.approx(expected)
    hidden = reference.copy()
    hidden[populated.nonzero()[0][0], populated.nonzero()[1][0]] = 0
    assert free_energy_error(hidden, reference)[1] == pytest.approx(1 / populated.sum())


def blocks(n_frames, n_blocks):
    return np.arange(n_frames) * n_blocks // n_frames


def test_a_known_free_energy_and_its_interval():
    """Independent frames: the interval is that of counts, and holds the truth at its rate."""
    rng, n = np.random.default_rng(1), 20_000
    edges = [np.array([0.0, 1.0, 2.0, 3.0])]
    shares = np.array([0.7, 0.28, 0.02])
    values = rng.choice(3, size=n, p=shares) + 0.5
    found = free_energy_of(values, edges, blocks(n, 50))
    np.testing.assert_allclose(found.population, shares, atol=0.01)
    truth = -np.log(shares / shares.max())
    assert (found.low <= truth).all() and (truth <= found.high).all()
    assert found.energy.min() == 0
    width = (found.high - found.low)[2]
    expected = 2 * 1.96 / math.sqrt(n * shares[2])
    assert width == pytest.approx(expected, rel=0.4)


def test_states_are_weighted():
    """Two states, seen equally often, of which one has nine tenths."""
    edges = [np.array([0.0, 1.0, 2.0])]
    states = np.tile([0, 1], 500)
    found = free_energy_of(
        states + 0.5, edges, blocks(1000, 20), states=states, stationary=np.array([0.9, 0.1]),
        samples=np.array([[0.9 - d, 0.1 + d] for d in np.linspace(-0.05, 0.05, 51)]),
    )  # fmt: skip
    np.testing.assert_allclose(found.population, [0.9, 0.1])
    assert found.energy[1] == pytest.approx(math.log(9))
    assert 0.5 < (found.high - found.low).max() < 1.5


def test_unknown_states_are_left_out_and_empty_bins_are_infinite():
    edges = [np.array([0.0, 1.0, 2.0, 3.0])]
    states = np.tile([0, 1], 50)
    stationary = np.array([1.0, np.nan])
    found = free_energy_of(
        states + 0.5, edges, blocks(100, 10), 0.5, states=states, stationary=stationary,
        samples=np.tile(stationary, (20, 1)),
    )  # fmt: skip
    assert found.population.tolist() == [1, 0, 0] and found.unknown == 0.5
    assert np.isinf(found.energy[1:]).all() and np.isinf(found.high[1:]).all()


def test_two_variables():
    rng = np.random.default_rng(2)
    angles = rng.vonmises(0.5, 2.0, size=(5000, 2))
    found = free_energy_of(angles, [angle_edges()] * 2, blocks(5000, 20))
    counts = angle_histogram(*angles.T)
    np.testing.assert_allclose(found.population, counts / counts.sum())
    assert (found.low <= found.energy).all() and (found.energy <= found.high).all()
