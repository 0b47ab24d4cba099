"""Turning bonds to bring a frame closest to another."""

import torch
from molecules import alkane, random_walk

from openmm_stegmn.benchmarks import closest_frames
from openmm_stegmn.mechanics import superpose

HEXANE = alkane(6)


def frames_and_moved(width, seed=3):
    """Some frames, and the same after their bonds turned and the whole moved."""
    body = HEXANE.body()
    base = random_walk(HEXANE, 20, width=0.5)
    generator = torch.Generator().manual_seed(seed)
    angles = width * torch.randn(20, body.n_bonds, generator=generator, dtype=torch.float64)
    rigid = torch.randn(2, 20, 1, 3, generator=generator, dtype=torch.float64)
    return body, base, body.move(base, angles, *rigid)[0]


def test_turned_bonds_are_found():
    for width in (0.1, 1.5):
        body, base, target = frames_and_moved(width)
        found = closest_frames(body, base, target)
        torch.testing.assert_close(found, target, atol=1e-6, rtol=0)


def test_closer_than_the_true_torsions_and_at_a_minimum():
    """Where lengths and angles differ, the torsions are not the best turns; none is better."""
    body, base, target = frames_and_moved(0.4)
    generator = torch.Generator().manual_seed(1)
    target = target + 0.1 * torch.randn(target.shape, generator=generator, dtype=torch.float64)
    even = torch.ones(HEXANE.n_atoms, dtype=torch.float64)

    def square(frame):
        return (superpose(frame, target, even) - target).square().mean((1, 2))

    found = closest_frames(body, base, target)
    least = square(found)
    true, _ = body.move(base, body.increments(base, target)[0])
    assert (least < square(true)).all() and least.mean() < 0.8 * square(true).mean()
    for bond in range(body.n_bonds):
        for turn in (-1e-3, 1e-3):
            angles = torch.zeros(20, body.n_bonds, dtype=torch.float64)
            angles[:, bond] = turn
            assert (square(body.move(found, angles)[0]) > least).all()


def test_lengths_and_angles_stay():
    body, base, _ = frames_and_moved(0.5)
    target = base.flip(0) + 0.3
    found = closest_frames(body, base, target)
    for a, b in HEXANE.bonds:
        torch.testing.assert_close(
            (found[:, a] - found[:, b]).norm(dim=-1), (base[:, a] - base[:, b]).norm(dim=-1)
        )
