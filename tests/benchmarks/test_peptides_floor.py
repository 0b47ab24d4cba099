"""The noise floor, where the answer is known."""

from types import SimpleNamespace

import numpy as np
import openmm
import pytest
import torch
from molecules import alkane, random_walk

from openmm_stegmn.benchmarks import NoiseFloor, circular_mean, circular_variance
from openmm_stegmn.benchmarks._peptides_dynamics import repeat_dynamics
from openmm_stegmn.mechanics import wrap_angle
from openmm_stegmn.models import MoleculeContext
from openmm_stegmn.units import GAS_CONSTANT

DOUBLE = torch.float64


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def test_circular_mean_has_the_least_mean_square_distance():
    angles = 3 * normal(20, 7, seed=1)
    trial = torch.linspace(-torch.pi, torch.pi, 20_001, dtype=DOUBLE)
    least = wrap_angle(angles[..., None] - trial).square().mean(-2).min(-1).values
    found = wrap_angle(angles - circular_mean(angles)[:, None]).square().mean(-1)
    torch.testing.assert_close(found, least, atol=1e-6, rtol=0)


def test_circular_variance_of_a_narrow_spread_is_that_on_the_line():
    """Leaving one out and its factor are together the unbiased variance."""
    angles = 0.1 * normal(50, 16)
    for turn in (0.0, 3.1, -9.4):
        torch.testing.assert_close(circular_variance(wrap_angle(angles + turn)), angles.var(-1))


@pytest.mark.parametrize("occupied", [(1, 1, 1), (1, 9), (1, 1)])
def test_circular_variance_of_wells(occupied):
    """Rotamers a third of a turn apart, against the best constant for very many."""
    generator = torch.Generator().manual_seed(7)
    weights = torch.tensor(occupied, dtype=DOUBLE)

    def draw(*shape):
        count = int(torch.tensor(shape).prod())
        wells = torch.multinomial(weights, count, replacement=True, generator=generator)
        return 2 * torch.pi / 3 * wells.reshape(shape) + 0.25 * normal(*shape, seed=8)

    many = draw(3000)
    true = wrap_angle(many - circular_mean(many)).square().mean().sqrt()
    estimate = circular_variance(draw(2000, 8)).mean().sqrt()
    assert estimate == pytest.approx(true.item(), rel=0.04)


@pytest.mark.parametrize("n_repeats", [2, 8])
def test_torsions_that_are_drawn(n_repeats):
    """Unbiased whatever the number of repeats, with an error that says how far off it is."""
    molecule, width, n_states = alkane(5), 0.2, 1500
    context = MoleculeContext(molecule.spec("persistence", history=1))
    body = context.body
    starts = random_walk(molecule, 1, width=0.0).expand(n_states, -1, -1)
    angles = width * normal(n_states, n_repeats, body.n_bonds)
    base = starts[:, None].expand(-1, n_repeats, -1, -1)
    repeats, _ = body.move(base, angles, normal(n_states, n_repeats, 1, 3, seed=2))
    heavy = torch.ones(body.n_atoms, dtype=torch.bool)
    floor = NoiseFloor.estimate(repeats, starts, context, heavy)
    off = floor.torsion_rmse - np.degrees(width)
    assert abs(off) < 4 * floor.torsion_rmse_error < 0.05 * np.degrees(width)
    # What is left of the positions is what turning the bonds did, not rotation of the whole.
    moved, _ = body.move(base, angles)
    expected = moved.var(1).mean().item()
    assert floor.mse == pytest.approx(expected, rel=1e-6)
    assert (floor.n_states, floor.n_repeats) == (n_states, n_repeats)


def test_atoms_that_jitter():
    """Superposition takes the six coordinates of rigid motion out of 3 N."""
    n_states, n_repeats, n_atoms, width = 400, 4, 10, 0.02
    context = SimpleNamespace(
        masses=torch.ones(n_atoms, dtype=DOUBLE),
        body=SimpleNamespace(torsions=lambda frames: frames.new_zeros(*frames.shape[:-2], 1)),
    )
    starts = 2 * normal(n_states, n_atoms, 3, seed=3)
    repeats = starts[:, None] + width * normal(n_states, n_repeats, n_atoms, 3, seed=4)
    heavy = torch.arange(n_atoms) < 4
    floor = NoiseFloor.estimate(repeats, starts, context, heavy)
    expected = width**2 * (3 * n_atoms - 6) / (3 * n_atoms)
    assert abs(floor.mse - expected) < 4 * floor.mse_error < 0.1 * expected
    assert floor.mse_heavy == pytest.approx(expected, rel=0.1)
    assert floor.torsion_rmse == floor.torsion_rmse_error == 0.0
    # Of a Gaussian in three dimensions: mean distance² = 8/π variance
    assert floor.mae == pytest.approx((8 / np.pi * expected) ** 0.5, rel=0.03)


def test_free_particles_with_fresh_noise():
    """Mean and variance of Langevin dynamics from a state (Chandrasekhar 1943, eq. 171)."""
    mass, friction, temperature, n_particles = 12.0, 5.0, 300.0, 300
    system = openmm.System()
    for _ in range(n_particles):
        system.addParticle(mass)
    start, velocity = np.full((n_particles, 3), 7.0), np.full((n_particles, 3), 4.0)
    times = [0.1, 0.4]
    frames = repeat_dynamics(
        openmm.XmlSerializer.serialize(system), start, velocity, 20, times, 3, time_step=0.002,
        temperature=temperature, friction=friction, platform="Reference",
    )  # fmt: skip
    assert frames.shape == (20, 2, n_particles, 3)
    for time, after in zip(times, frames.swapaxes(0, 1), strict=True):
        decay = np.exp(-friction * time)
        # (nm/ps)² is kJ/mol/Da, and 100 Å²
        variance = 100 * GAS_CONSTANT * temperature / mass / friction**2
        variance *= 2 * friction * time - 3 + 4 * decay - decay**2
        step = after - start
        assert step.var() == pytest.approx(variance, rel=0.04)
        expected = 4.0 * (1 - decay) / friction
        assert step.mean() == pytest.approx(expected, abs=5 * (variance / step.size) ** 0.5)
    # No repeat is like another.
    assert len(np.unique(frames[:, 0, 0, 0])) == 20
