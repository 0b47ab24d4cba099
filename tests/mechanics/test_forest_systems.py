"""Constraint errors of random moves in molecules, proteins and boxes of water."""

import math
from functools import lru_cache

import pytest
import torch
from forest_systems import BOXES, SYSTEMS, random_move, solute, system

from openmm_stegmn.mechanics import ArticulatedBody, KinematicForest


@lru_cache
def forest_of(name, constraints):
    if name in BOXES:
        made, _, x = system(name)
        return KinematicForest.from_system(made), x
    parts = solute(name, constraints)
    x = parts["positions"]
    return KinematicForest.from_constraints(
        parts["n_atoms"], parts["pairs"], parts["masses"], positions=x.numpy()
    ), x


CASES = [(name, kind) for name in SYSTEMS for kind in ("HBonds", "AllBonds")]
CASES += [(name, "HAngles") for name in SYSTEMS[:2]]
CASES += [(name, "rigid water") for name in BOXES]


@pytest.fixture(params=CASES, ids=" ".join)
def forest(request):
    return forest_of(*request.param)


@pytest.mark.parametrize("size", [0.03, math.pi])
def test_any_move_keeps_every_constraint(forest, size):
    forest, x = forest
    y = forest.step(x, *random_move(forest, 2, 2, size=size))
    assert y.shape == (2, 2, *x.shape)
    assert forest.constraint_error(y, x).max() < 1e-12


def test_the_output_of_a_network_may_be_float32(forest):
    forest, x = forest
    y = forest.step(x, *random_move(forest, 2, dtype=torch.float32))
    assert y.dtype == torch.float64
    assert forest.constraint_error(y, x).max() < 1e-12


def test_float32_is_the_exact_move_rounded(forest):
    """Far from the origin this is all that float32 can hold; the error of the lengths follows."""
    forest, x = forest
    x = x.float()
    move = random_move(forest, dtype=torch.float32)
    y, exact = forest.step(x, *move), forest.step(x.double(), *move)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, exact.float(), atol=0, rtol=0)
    assert forest.constraint_error(exact, x).max() < 1e-12


def test_float32_near_the_origin(forest):
    """Every component by itself about its centre, where float32 can tell 1e-6 of a bond."""
    forest, x = forest
    x = (x - forest.centres(x)[forest.component]).float()
    largest = x.abs().max()
    if largest > 8:
        pytest.skip(f"one component of {largest:.0f} Å: float32 rounds to more than 1e-6 of a bond")
    translation, rotation = random_move(forest, 2, dtype=torch.float32)
    y = forest.step(x, torch.zeros_like(translation), rotation)
    assert forest.constraint_error(y, x).max() < 1e-6


def test_the_inverse_reaches_what_the_mechanism_reached(forest):
    """Rings included: turns that have been projected once are carried out as they are."""
    forest, x = forest
    for seed, size in enumerate([0.1, 3.1]):
        y = forest.step(x, *random_move(forest, size=size, seed=seed))
        *move, stretch = forest.increments(x, y)
        torch.testing.assert_close(forest.step(x, *move), y, atol=1e-10, rtol=0)
        torch.testing.assert_close(forest.step(x, *move, stretch), y, atol=1e-10, rtol=0)
        lengths = stretch.abs()[forest.masses[forest.arms[:, 1]] > 0]
        assert lengths.max() < 1e-10


def test_centres_of_mass_move_as_told(forest):
    forest, x = forest
    translation, rotation = random_move(forest)
    moved = forest.centres(forest.step(x, translation, rotation)) - forest.centres(x)
    torch.testing.assert_close(moved, translation, atol=1e-11, rtol=0)


def test_many_moves_do_not_add_up_their_errors():
    forest, x = forest_of("TIP3P box", "rigid water")
    y = x
    for seed in range(300):
        y = forest.step(y, *random_move(forest, size=0.3, seed=seed))
    assert forest.constraint_error(y, x) < 1e-12


@pytest.mark.parametrize("name", BOXES)
def test_a_box_of_water_is_rigid_bodies(name):
    made, topology, _ = system(name)
    forest, _ = forest_of(name, "rigid water")
    sites = made.getNumParticles() // topology.getNumResidues()
    assert set(forest.kinds) == {"rigid body"}
    assert forest.n_components == forest.n_groups == topology.getNumResidues()
    assert forest.n_arms == forest.n_groups * (sites - 1)
    assert (forest.component == torch.arange(forest.n_atoms) // sites).all()


def test_the_whole_of_dhfr_in_water():
    made, _, x = system("DHFR", "AllBonds")
    forest = KinematicForest.from_system(made, x.numpy())
    assert forest.kinds.count("rigid body") == 7023
    y = forest.step(x, *random_move(forest))
    assert forest.constraint_error(y, x) < 1e-12


# Articulated bodies: angles as well


@pytest.mark.parametrize("name", SYSTEMS)
def test_articulated_bodies_keep_lengths_and_angles(name):
    parts = solute(name, "AllBonds")
    n, bonds = parts["n_atoms"], parts["bonds"]
    body = ArticulatedBody.from_bonds(n, bonds, parts["masses"], parts["pairs"], parts["elements"])
    near = [[] for _ in range(n)]
    for i, j in bonds:
        near[i].append(j)
        near[j].append(i)
    # With the distances across every angle
    i, j = torch.tensor(bonds + [(a, b) for ends in near for a in ends for b in ends if a < b]).T

    def error(moved, frame):
        lengths = [(f[..., i, :] - f[..., j, :]).double().norm(dim=-1) for f in (moved, frame)]
        return (lengths[0] / lengths[1] - 1).abs().max()

    frame = (parts["positions"] - parts["positions"].mean(0)).expand(2, -1, -1)
    angles = math.pi * (2 * torch.rand(2, body.n_bonds, dtype=torch.float64) - 1)
    assert error(body.move(frame, angles)[0], frame) < 1e-12
    assert error(body.move(frame, angles.float())[0], frame) < 1e-12
    single = frame.float()
    # In float32, what the rounding of the coordinates allows
    most = 1e-6 if n < 100 else 4e-6
    assert error(body.move(single, angles.float())[0], single) < most
