"""Pairs over a window, and the forces that their messages give."""

import torch
from molecules import alkane, random_rotation, random_walk

from openmm_stegmn.models import MoleculeContext
from openmm_stegmn.models.layers import MessageNetwork, NeighbourGraph, PairInvariants

MOLECULE = alkane(4)
HISTORY = 3


def invariants():
    context = MoleculeContext(MOLECULE.spec("stegmn", HISTORY))
    return PairInvariants(MOLECULE.n_atoms, context.near.n_kinds, HISTORY, 4, 8.0).double(), context


def sample(count=200):
    frames = random_walk(MOLECULE, count * HISTORY)
    x = frames.reshape(count, HISTORY, MOLECULE.n_atoms, 3)
    # bonds that stretch: the walk turns torsions only
    x = x + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).double()
    near = MoleculeContext(MOLECULE.spec("stegmn", HISTORY)).near
    return x, NeighbourGraph(near, 32)(near, x[:, -1])


def test_features_are_what_they_are_named():
    pairs, _ = invariants()
    x, neighbours = sample(5)
    history = pairs(x, neighbours)
    b, i, k = 3, 4, 6
    j = neighbours.table[i, k]
    last = (x[b, -1, j] - x[b, -1, i]).norm()
    direction = (x[b, -1, j] - x[b, -1, i]) / last
    for t in range(HISTORY - 1):
        stretch = (x[b, t, j] - x[b, t, i]).norm() - last
        own = (x[b, t, i] - x[b, -1, i]) @ direction
        other = (x[b, t, j] - x[b, -1, j]) @ direction
        expected = torch.stack([stretch, own, other])
        found = history.features[b, i, k, [t, 2 + t, 4 + t]]
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(history.vectors[b, i, k, 1 + t], x[b, t, j] - x[b, -1, j])
    torch.testing.assert_close(history.features[b, i, k, 6], last)
    torch.testing.assert_close(history.vectors[b, i, k, 0], direction)


def test_calibrated_features_have_unit_size_in_each_kind():
    pairs, _ = invariants()
    x, neighbours = sample()
    pairs.calibrate(x, neighbours)
    history = pairs(x, neighbours)
    for kind in history.kinds.unique()[:5]:
        features = history.features[:, history.kinds == kind].flatten(0, 1)[:, : pairs.width]
        torch.testing.assert_close(features.mean(0), torch.zeros(pairs.width).double())
        torch.testing.assert_close(
            features.square().mean(0), torch.ones(pairs.width).double(), atol=1e-6, rtol=0
        )


def test_forces_are_vectors():
    pairs, context = invariants()
    network = MessageNetwork(pairs, context.n_atom_types, HISTORY, 8, 3, 2, zero=False).double()
    x, neighbours = sample(4)
    h, force = network(x, context.atom_types, neighbours)
    assert force.shape == (4, MOLECULE.n_atoms, 3, 3)
    orthogonal = random_rotation(1, reflect=True)
    turned_h, turned = network(x @ orthogonal.T, context.atom_types, neighbours)
    torch.testing.assert_close(turned_h, h)
    torch.testing.assert_close(turned, force @ orthogonal.T)


def test_no_forces_at_zero():
    pairs, context = invariants()
    network = MessageNetwork(pairs, context.n_atom_types, HISTORY, 8, 1, 1, zero=True).double()
    x, neighbours = sample(2)
    _, force = network(x, context.atom_types, neighbours)
    assert force.abs().max() == 0


def test_equal_surroundings_are_one_type():
    _, context = invariants()
    types, hydrogens = context.atom_types, [i for i, e in enumerate(MOLECULE.elements) if e == "H"]
    # butane: CH3 and CH2, and the hydrogens of each
    assert len(types.unique()) == 4
    assert len(types[hydrogens].unique()) == 2
