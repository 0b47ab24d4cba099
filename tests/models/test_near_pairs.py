"""Tables of near pairs against breadth-first search over all pairs."""

import networkx as nx
import pytest
import torch
from molecules import alkane, beside, toluene, water

from openmm_stegmn.models import MoleculeContext, NearPairs

MOLECULES = {"decane": alkane(10), "two": beside(toluene(), water()), "water": water()}


@pytest.fixture(params=MOLECULES)
def molecule(request):
    return MOLECULES[request.param]


@pytest.fixture
def hops(molecule):
    """Bonds between all pairs, at most ``MAX_HOPS``."""
    graph = nx.Graph(molecule.bonds)
    graph.add_nodes_from(range(molecule.n_atoms))
    found = torch.full((molecule.n_atoms,) * 2, NearPairs.MAX_HOPS)
    for atom, lengths in nx.all_pairs_shortest_path_length(graph, NearPairs.REACH):
        found[atom, list(lengths)] = torch.tensor(list(lengths.values()))
    return found


def test_hops(molecule, hops):
    near = MoleculeContext(molecule.spec()).near
    atoms = torch.arange(molecule.n_atoms)
    assert torch.equal(near.hops_between(atoms[:, None], atoms), hops)
    expected = [[j for j in range(molecule.n_atoms) if row[j] == 1] for row in hops.tolist()]
    assert near.bonded() == expected


def test_kinds_are_those_of_types_and_hops(molecule, hops):
    context = MoleculeContext(molecule.spec())
    atoms, types = torch.arange(molecule.n_atoms), context.atom_types.tolist()
    kinds = context.near.kinds_between(atoms[:, None], atoms)
    reasons = {}
    for i in range(molecule.n_atoms):
        for j in range(molecule.n_atoms):
            near = hops[i, j] <= NearPairs.REACH
            reason = (int(hops[i, j]), types[i], types[j]) if near else "far"
            reasons.setdefault(int(kinds[i, j]), set()).add(reason)
    assert set(reasons) == set(range(context.near.n_kinds))
    assert all(len(reason) == 1 for reason in reasons.values())
    assert len(set.union(*reasons.values())) == len(reasons)


def test_the_nearest_and_those_within_some_bonds(molecule, hops):
    near, n = MoleculeContext(molecule.spec()).near, molecule.n_atoms
    apart = hops.fill_diagonal_(9)
    for most in (1, 5, n + 3):
        expected = apart.argsort(dim=1, stable=True)[:, : min(most, n - 1)]
        assert torch.equal(near.nearest(most), expected)
    for atom, row in enumerate(near.within(2).tolist()):
        assert set(row) - {atom} == set((apart[atom] <= 2).nonzero().flatten().tolist())
