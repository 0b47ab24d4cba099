"""Turning bonds to bring a frame closest to another."""

import torch
from molecules import alkane, random_walk

from openmm_stegmn.mechanics import closest_turns, superpose, wrap_angle

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
        turns, found = closest_turns(body, base, target)
        torch.testing.assert_close(found, target, atol=1e-6, rtol=0)
        again = superpose(body.move(base, turns)[0], target, torch.ones(HEXANE.n_atoms).double())
        torch.testing.assert_close(again, found)


def test_closer_than_the_true_torsions_and_at_a_minimum():
    """Where lengths and angles differ, the torsions are not the best turns; none is better."""
    body, base, target = frames_and_moved(0.4)
    generator = torch.Generator().manual_seed(1)
    target = target + 0.1 * torch.randn(target.shape, generator=generator, dtype=torch.float64)
    even = torch.ones(HEXANE.n_atoms, dtype=torch.float64)

    def square(frame):
        return (superpose(frame, target, even) - target).square().mean((1, 2))

    _, found = closest_turns(body, base, target)
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
    _, found = closest_turns(body, base, target)
    for a, b in HEXANE.bonds:
        torch.testing.assert_close(
            (found[:, a] - found[:, b]).norm(dim=-1), (base[:, a] - base[:, b]).norm(dim=-1)
        )


def test_stiffness_goes_from_positions_to_torsions():
    """None gives the closest frames, much the true torsions; between them a compromise."""
    body, base, target = frames_and_moved(0.4)
    generator = torch.Generator().manual_seed(1)
    target = target + 0.1 * torch.randn(target.shape, generator=generator, dtype=torch.float64)
    true = body.increments(base, target)[0]
    held = [0.0, 0.1, 1.0, 10.0, 1e8]
    squares, differences = [], []
    for stiffness in held:
        turns, frames = closest_turns(body, base, target, stiffness)
        squares.append((frames - target).square().mean().item())
        differences.append(wrap_angle(turns - true).square().mean().item())
    assert squares == sorted(squares) and squares[0] < 0.9 * squares[-1]
    assert differences == sorted(differences, reverse=True) and differences[-1] < 1e-12


def test_stiffness_of_one_bond():
    body, base, target = frames_and_moved(0.4)
    target = target + 0.1 * torch.randn(
        target.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    stiffness = torch.zeros(body.n_bonds)
    stiffness[1] = 1e8
    turns, _ = closest_turns(body, base, target, stiffness)
    difference = wrap_angle(turns - body.increments(base, target)[0]).abs().mean(0)
    assert difference[1] < 1e-6 and (difference[[0, 2]] > 1e-3).all()


def test_many_frames_in_blocks():
    """More frames than are done at a time, in single precision."""
    body, base, target = frames_and_moved(0.1)
    many = [frames.float().repeat(30, 1, 1) for frames in (base, target)]
    turns, frames = closest_turns(body, *many)
    few, _ = closest_turns(body, base, target)
    assert frames.dtype == torch.float64 and len(frames) == 600
    torch.testing.assert_close(turns.unflatten(0, (30, 20))[17], few, atol=1e-4, rtol=0)
