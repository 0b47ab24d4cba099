"""Layers against their formulas, atom by atom and bond by bond."""

import numpy as np
import pytest
import torch
from molecules import alkane, random_walk

from openmm_stegmn.models.layers import (
    BondAttention,
    LagRegression,
    Perceptron,
    _bonds,
    _nearest,
    _regression,
    axial_torque,
    gather_atoms,
    neighbour_table,
    radial_basis,
)
from openmm_stegmn.models.layers._regression import held_out_solution, ridge_solution


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_torque_about_a_bond_is_the_sum_over_distal_atoms():
    molecule = alkane(5)
    body = molecule.body()
    x = random_walk(molecule, 2)
    force = draw(2, molecule.n_atoms, 3, 3).double()
    torque = axial_torque(body, x, force)
    for b, (_, j, k, _) in enumerate(body.torsion_atoms.tolist()):
        for frame in range(2):
            axis = x[frame, k] - x[frame, j]
            axis = axis / axis.norm()
            moment, inertia = torch.zeros(3).double(), 0.0
            for atom in torch.nonzero(body.distal[b]).flatten():
                arm = x[frame, atom] - x[frame, k]
                moment += torch.linalg.cross(arm.expand(3, 3), force[frame, atom]) @ axis
                inertia += arm @ arm
            # One Å² more keeps a bond with nothing distal but its axis finite
            torch.testing.assert_close(torque[frame, b], moment / (inertia + 1))


def test_atoms_on_the_axis_give_no_torque():
    molecule = alkane(4, hydrogens=False)
    force = torch.zeros(4, 1, 3).double()
    force[2] = 5.0  # the far end of the axis of the one rotatable bond
    assert axial_torque(molecule.body(), molecule.frame, force).abs().max() < 1e-12


def test_neighbours():
    frame = draw(9, 3)
    everyone = neighbour_table(frame, 8)
    for atom, row in enumerate(everyone.tolist()):
        assert sorted(row) == [a for a in range(9) if a != atom]
    nearest = neighbour_table(frame, 3)
    distance = torch.cdist(frame, frame)
    for atom, row in enumerate(nearest.tolist()):
        assert row == distance[atom].argsort()[1:4].tolist()


def test_gather_atoms():
    values, table = draw(2, 3, 7, 4), torch.randint(7, (2, 7, 5))
    gathered = gather_atoms(values, table)
    for b in range(2):
        assert torch.equal(gathered[b], values[b][:, table[b]])


def test_radial_basis():
    basis = radial_basis(torch.tensor([0.0, 4.0, 8.0]), 5, 8.0)
    assert basis.argmax(-1).tolist() == [0, 2, 4]
    torch.testing.assert_close(basis.max(-1).values, torch.ones(3))
    torch.testing.assert_close(basis[1, 1], torch.tensor(np.exp(-0.5), dtype=torch.float32))


def test_perceptron_may_start_at_zero():
    assert Perceptron(3, 8, 2, zero=True)(draw(5, 3)).abs().max() == 0
    assert Perceptron(3, 8, 2)(draw(5, 3)).abs().max() > 0


@pytest.mark.parametrize("coupled", [False, True])
def test_lag_regression(coupled):
    past, step = draw(60, 3, 2).double(), draw(60, 2, seed=1).double()
    regression = LagRegression(2, 4, coupled=coupled, ridge=0.0).double()
    regression.fit(past, step)
    if coupled:
        expected = np.linalg.lstsq(past.flatten(1), step, rcond=None)[0].T
    else:
        columns = past.transpose(1, 2).reshape(-1, 3)
        expected = np.linalg.lstsq(columns, step.flatten(), rcond=None)[0]
    np.testing.assert_allclose(regression.weights, expected, atol=1e-10)
    predicted = regression(past)
    assert (predicted - step).square().mean() < step.square().mean()


def test_lag_regression_without_any_motion():
    """Nothing to learn from: predict nothing."""
    regression = LagRegression(2, 4, coupled=True)
    regression.fit(torch.zeros(10, 3, 2), torch.zeros(10, 2))
    assert regression.weights.abs().max() == 0


def test_attention_between_bonds_is_odd_in_odd_features():
    layer = BondAttention(8, 4, 2)
    even, odd = draw(3, 5, 8), draw(3, 5, 4)
    first, second = layer(even, odd), layer(even, -odd)
    torch.testing.assert_close(first[0], second[0])
    torch.testing.assert_close(first[1], -second[1])


def test_ridge_is_chosen_on_held_out_windows():
    """Little for a coordinate that follows a rule, much for one of noise only."""
    past, noise = draw(100, 3, 20).double(), draw(100, 2, seed=1).double()
    rule = past[:, 2, 0] - 0.5 * past[:, 0, 1]
    step = torch.zeros(100, 20, dtype=torch.float64)
    step[:, 0] = rule + 1e-3 * noise[:, 0]
    step[:, 1] = noise[:, 1]
    chosen = LagRegression(20, 4, coupled=True, ridge=None).double()
    chosen.fit(past, step)
    expected = torch.zeros(60, dtype=torch.float64)
    expected[40], expected[1] = 1.0, -0.5
    torch.testing.assert_close(chosen.weights[0], expected, atol=5e-3, rtol=0)
    free = LagRegression(20, 4, coupled=True, ridge=1e-8).double()
    free.fit(past, step)
    assert chosen.weights[1].norm() < 0.7 * free.weights[1].norm()
    assert chosen.weights[2:].abs().max() == 0


@pytest.mark.parametrize("ridge", [None, 1e-8, 0.1])
def test_fewer_windows_than_weights_give_the_same_ridge_regression(monkeypatch, ridge):
    """Whichever products are formed: compared with those of the features."""
    past, step = draw(30, 3, 20).double(), draw(30, 20, seed=1).double()
    past[:, 1, 4] = 0.0  # one that does not move
    step[:, 0] = past[:, 2, 0]
    regression = LagRegression(20, 4, coupled=True, ridge=ridge).double()
    regression.fit(past, step)
    features = past.flatten(1)
    pairs = [(f.T @ f, f.T @ s) for f, s in zip(features.split(24), step.split(24), strict=True)]
    if ridge is None:
        monkeypatch.setattr(_regression, "_LARGE_RIDGES", _regression._RIDGES)
        regression.fit(past, step)
        expected = held_out_solution(*pairs)
    else:
        expected = ridge_solution(features.T @ features, features.T @ step, ridge)
    torch.testing.assert_close(regression.weights, expected.T, atol=1e-5, rtol=1e-4)


def test_neighbours_of_many_frames_are_found_a_few_at_a_time(monkeypatch):
    frames = draw(3, 7, 9, 3)
    whole = neighbour_table(frames, 4)
    monkeypatch.setattr(_nearest, "_DISTANCES", 200)
    assert torch.equal(neighbour_table(frames, 4), whole)
    assert torch.equal(neighbour_table(frames[1, 2], 4), whole[1, 2])


def test_few_windows_of_noise_predict_next_to_nothing():
    """Of many coordinates: what is noise in each must not add up."""
    past, step = draw(40, 3, 60).double(), draw(40, 60, seed=1).double()
    regression = LagRegression(60, 4, coupled=True, ridge=None).double()
    regression.fit(past, step)
    unseen = draw(40, 3, 60, seed=2).double()
    assert regression(unseen).square().mean() < 0.2 * step.square().mean()


@pytest.mark.parametrize("ridge", [None, 1e-8])
def test_coordinates_coupled_to_some_others(ridge):
    past, step = draw(300, 3, 5).double(), draw(300, 5, seed=1).double()
    every = torch.stack([torch.arange(5).roll(-i) for i in range(5)])
    whole = LagRegression(5, 4, coupled=True, ridge=ridge).double()
    some = LagRegression(5, 4, coupled=True, ridge=ridge, partners=every).double()
    for regression in (whole, some):
        regression.fit(past, step)
    torch.testing.assert_close(some(past), whole(past), atol=1e-6, rtol=0)
    fewer = LagRegression(5, 4, coupled=True, ridge=ridge, partners=every[:, :2]).double()
    fewer.fit(past, step)
    changed = past.clone()
    changed[:, :, 3] += 1
    assert (fewer(changed) != fewer(past)).any(0).tolist() == [False, False, True, True, False]


def test_attention_of_many_bonds_in_parts(monkeypatch):
    torch.manual_seed(0)
    attention, even, odd = BondAttention(8, 3, 2), draw(2, 11, 8), draw(2, 11, 3, seed=1)
    whole = attention(even, odd)
    monkeypatch.setattr(_bonds, "_SCORES", 50)
    for part, expected in zip(attention(even, odd), whole, strict=True):
        torch.testing.assert_close(part, expected)
