"""Metropolis and Hastings with the model's density, where the right answer is known.

Chains of a skeleton start from the exact distribution of their torsions, each on its own, and make
moves. If these leave the distribution as it is, the ends are again independent draws from it.
"""

import math

import pytest
import torch
from molecules import alkane, toluene
from small_proposals import p_value, small_proposal

BUTANE, PENTANE = (alkane(n, hydrogens=False) for n in (4, 5))
TOLUENE = toluene()
BINS = {1: 48, 2: 16}


def energy(torsions):
    """In kT: wells of unequal depth, and a coupling of neighbours."""
    first, last = torsions[..., 0], torsions[..., -1]
    own = (1.5 * torch.cos(3 * torsions) + 0.8 * torch.cos(torsions - 0.6)).sum(-1)
    return own + 1.2 * torch.cos(first - last) * torch.sin(first)


def starts(molecule, count, generator):
    """Frames with torsions from the exact distribution, by rejection."""
    body, lowest, kept = molecule.body(), -6.0, []
    while sum(map(len, kept)) < count:
        shape = (4 * count, body.n_bonds)
        torsions = math.pi * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)
        above = energy(torsions) - lowest
        assert above.min() > 0
        chance = torch.rand(len(torsions), generator=generator, dtype=torch.float64)
        kept.append(torsions[chance < torch.exp(-above)])
    torsions = torch.cat(kept)[:count]
    frames, _ = body.move(
        molecule.frame.expand(count, -1, -1), torsions - body.torsions(molecule.frame)
    )
    return frames


def walk(model, frames, steps, generator, with_densities=True):
    """Frames after some steps, and the share of moves that were accepted."""
    body, accepted = model.context.body, 0.0
    now = energy(body.torsions(frames))
    for _ in range(steps):
        noise = torch.randn(
            len(frames), model.n_noise, generator=generator, dtype=model.centres.dtype
        )
        proposed, log_ratio = model.trials(frames, noise)
        after = energy(body.torsions(proposed))
        exponent = now - after + (log_ratio if with_densities else 0.0)
        uniform = torch.rand(len(frames), generator=generator, dtype=torch.float64)
        passed = uniform.log() < exponent
        frames = torch.where(passed[:, None, None], proposed, frames)
        now = torch.where(passed, after, now)
        accepted += passed.double().mean().item() / steps
    return frames, accepted


def fit_of(model, frames):
    """Chance of torsions at least as far from the exact distribution."""
    torsions = model.context.body.torsions(frames)
    n_bonds = torsions.shape[1]
    bins = BINS[n_bonds]
    angles = 2 * math.pi * ((torch.arange(10 * bins, dtype=torch.float64) + 0.5) / bins / 10 - 0.5)
    points = torch.cartesian_prod(*[angles] * n_bonds).reshape(-1, n_bonds)
    weights = torch.exp(-energy(points)).reshape(n_bonds * (bins, 10))
    expected = weights.sum(tuple(range(1, 2 * n_bonds, 2)))
    place = ((torsions / (2 * math.pi) + 0.5) * bins).long().clamp(0, bins - 1)
    found = torch.zeros_like(expected)
    ones = torch.ones(len(place), dtype=found.dtype)
    found.index_put_(place.unbind(1), ones, accumulate=True)
    return p_value(found, expected * len(frames) / expected.sum())


def narrow_and_far(molecule):
    """Components of the least width, all near the top of a barrier."""
    model = small_proposal(molecule)
    model.of_bond.weight.zero_()
    keep, along, across, width = model.of_bond.bias.view(4, -1)
    keep.zero_(), along.zero_(), across.zero_(), width.fill_(-20.0)
    angle = torch.tensor(2.0) + torch.linspace(-0.3, 0.3, model.components)
    model.centres.copy_(torch.stack([torch.cos(angle), torch.sin(angle)], -1))
    return model


# To the density a methyl group has three equal positions, to the energy here it has not.
MODELS = {
    "one bond": (BUTANE, {"lag": 10}),
    "two bonds": (PENTANE, {"lag": 10}),
    "methyl": (TOLUENE, {"lag": 10}),
    "at equilibrium": (PENTANE, {"seed": 3}),
    "one bond a move": (PENTANE, {"lag": 10, "block": 1}),
    "large weights": (PENTANE, {"lag": 10, "scale": 0.6}),
    "narrow and far": (BUTANE, None),
}


def run(name, chains, steps, seed=0, with_densities=True):
    """Chance of the starts and of the ends, and the share of moves that were accepted."""
    molecule, options = MODELS[name]
    model = narrow_and_far(molecule) if options is None else small_proposal(molecule, **options)
    generator = torch.Generator().manual_seed(seed)
    first = starts(molecule, chains, generator)
    last, accepted = walk(model.float(), first, steps, generator, with_densities)
    return fit_of(model, first), fit_of(model, last), accepted


@pytest.mark.parametrize("name", MODELS)
def test_moves_leave_the_distribution_as_it_is(name):
    before, after, accepted = run(name, chains=2000, steps=25)
    assert before > 1e-3 and after > 1e-3
    # Chains move, or this would show nothing.
    assert accepted * 25 > 0.2


@pytest.mark.parametrize("name", MODELS)
def test_without_the_densities_it_would_show(name):
    _, after, _ = run(name, chains=2000, steps=25, with_densities=False)
    assert after < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_million_moves_leave_the_distribution_as_it_is(name):
    before, after, accepted = run(name, chains=20_000, steps=50, seed=1)
    assert before > 1e-3 and after > 1e-3
    assert accepted * 50 > 0.4
