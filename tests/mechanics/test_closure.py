"""Rings whose arms turn freely and are brought back to their bond lengths."""

import math

import pytest
import torch
from forest_systems import random_move, random_vectors
from small_forests import complete, graph, puckered_ring, ring_pairs

from openmm_stegmn.mechanics import KinematicForest
from openmm_stegmn.mechanics._closure import _LARGEST_ERROR


def ring(n_atoms):
    forest = KinematicForest.from_constraints(n_atoms, ring_pairs(n_atoms), torch.ones(n_atoms))
    assert forest.kinds == ("closed loop",)
    return forest, puckered_ring(n_atoms)


@pytest.mark.parametrize("size", [1e-4, 0.1, 1.0, math.pi, 50.0])
@pytest.mark.parametrize("n_atoms", [4, 5, 6, 12, 60])
def test_the_ring_closes_whatever_its_arms_are_told(n_atoms, size):
    forest, x = ring(n_atoms)
    y = forest.step(x, *random_move(forest, 50, size=size))
    assert forest.constraint_error(y, x).max() < 1e-12


def test_a_ring_bends():
    """It is not always moved as a rigid body: the distances across it change, as much as told."""
    forest, x = ring(6)
    for size in (0.01, 0.1, 1.0):
        y = forest.step(x, *random_move(forest, 20, size=size))
        change = (y[:, 0] - y[:, 3]).norm(dim=-1) - (x[0] - x[3]).norm()
        assert change.abs().mean() > 0.1 * size


def test_the_projection_is_the_least_change():
    """For small turns: no motion that keeps the bonds is nearer, weighted by mass."""
    masses = torch.tensor([12.0, 1, 14, 16, 12, 3], dtype=torch.float64)
    forest = KinematicForest.from_constraints(6, ring_pairs(6), masses)
    x = puckered_ring(6)
    _, rotation = random_move(forest, size=1e-4)
    still = torch.zeros(1, 3, dtype=torch.float64)
    free = forest.step(x, still, rotation, torch.zeros(forest.n_arms).double())
    pull = masses[:, None] * (forest.step(x, still, rotation) - free)
    first, second = torch.tensor(ring_pairs(6)).T
    rows = torch.zeros(6, 6, 3, dtype=torch.float64)
    apart = x[first] - x[second]
    rows[range(6), first], rows[range(6), second] = apart, -apart
    # The pull is a sum of forces along the bonds
    fit = torch.linalg.lstsq(rows.flatten(1).T, pull.flatten()[:, None]).solution
    rest = rows.flatten(1).T @ fit - pull.flatten()[:, None]
    assert rest.norm() < 1e-3 * pull.norm()


def test_a_rigid_turn_of_all_arms_is_carried_out_as_it_is():
    forest, x = ring(6)
    centre = forest.centres(x)
    turn = random_vectors(1, size=3.0)
    y = forest.step(x, torch.zeros(1, 3).double(), turn.expand(forest.n_groups, 3))
    distances = torch.pdist(y)
    torch.testing.assert_close(distances, torch.pdist(x), atol=1e-12, rtol=0)
    torch.testing.assert_close(forest.centres(y), centre, atol=1e-12, rtol=0)


def test_a_chair_becomes_a_boat():
    """Far, but within reach: the inverse and forward kinematics carry it out to rounding."""
    forest, x = ring(6)
    y = x.clone()
    for seed in range(30):
        y = forest.step(y, *random_move(forest, size=0.5, seed=seed))
    assert (torch.pdist(y) - torch.pdist(x)).abs().max() > 0.3
    translation, rotation, _ = forest.increments(x, y)
    torch.testing.assert_close(forest.step(x, translation, rotation), y, atol=1e-11, rtol=0)


def test_a_ring_that_cannot_bend_moves_as_a_body():
    """Four atoms on a line: the longest bond is the sum of the others, and Newton's matrix is
    singular. The graph does not tell; the positions do."""
    x = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], dtype=torch.float64)
    forest = KinematicForest.from_constraints(4, ring_pairs(4), torch.ones(4))
    assert forest.kinds == ("closed loop",)
    translation, rotation = random_move(forest, 5, size=1.0)
    rotation.requires_grad_()
    y = forest.step(x, translation, rotation)
    assert forest.constraint_error(y, x).max() < 1e-12
    (grad,) = torch.autograd.grad(y.sin().sum(), rotation)
    assert torch.isfinite(grad).all()
    told = KinematicForest.from_constraints(4, ring_pairs(4), torch.ones(4), positions=x)
    assert told.kinds == ("rigid body",)


def test_constraints_that_depend_on_each_other_make_a_body():
    """All 15 distances of six atoms, of which 12 are independent; and what they do not fix."""
    over = KinematicForest.from_constraints(6, complete(range(6)), torch.ones(6))
    assert over.kinds == ("rigid body",)
    # Tetrahedra that share an edge can fold about it: 11 independent constraints on 6 atoms
    folding = sorted(set(complete([0, 1, 2, 3]) + complete([0, 1, 4, 5])))
    hinge = KinematicForest.from_constraints(6, folding, torch.ones(6))
    assert hinge.kinds == ("closed loop",)
    x = torch.tensor(
        [[0, 0, 0], [1.5, 0, 0], [0.7, 1.3, 0.2], [0.8, 0.4, 1.4], [0.7, -1, 0.9], [0.6, -1, -1]],
        dtype=torch.float64,
    )
    y = hinge.step(x, *random_move(hinge, 50))
    assert hinge.constraint_error(y, x).max() < 1e-12
    assert (torch.pdist(y[0]) - torch.pdist(x)).abs().max() > 1e-3


def test_what_is_not_a_number_stays_so():
    forest, x = graph("closed loop")
    translation, rotation = random_move(forest, 2)
    rotation[0, 2] = torch.nan
    y = forest.step(x, translation, rotation)
    assert torch.isnan(y[0]).any()
    assert torch.isfinite(y[1]).all()


def test_derivative_through_a_shortened_move():
    """Turns too large for the ring: the shortening has its derivative as well."""
    forest, x = ring(5)
    _, rotation = random_move(forest, size=2.5, seed=3)
    translation = torch.zeros(1, 3, dtype=torch.float64)
    free = forest.step(x, translation, rotation, torch.zeros(forest.n_arms).double())
    assert (1 + forest.constraint_error(free, x)) ** 2 - 1 > _LARGEST_ERROR
    inputs = [a.requires_grad_() for a in (x, translation, rotation)]
    assert torch.autograd.gradcheck(forest.step, inputs)
