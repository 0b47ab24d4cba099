"""Neighbours found in boxes are those of all distances."""

import pytest
import torch
from molecules import alkane, random_walk

from openmm_stegmn.models import MoleculeContext
from openmm_stegmn.models.layers import NeighbourGraph, _nearest

N = 3_000
UNIFORM = 2.2 * N ** (1 / 3)


def draw(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


ARRANGEMENTS = {
    "dense": UNIFORM * draw(N, 3),
    "a chain": torch.arange(N)[:, None] * torch.tensor([1.3, 0.2, 0.0]) + draw(N, 3),
    "a sheet": torch.tensor([4 * UNIFORM, 4 * UNIFORM, 1.0]) * draw(N, 3),
    "two far apart": UNIFORM * draw(N, 3) + 1e3 * (torch.arange(N)[:, None] % 2),
    # Boxes of the gas border on many of the drop
    "a drop in its gas": draw(N, 3) * torch.where(torch.arange(N) < N // 2, 20.0, 300.0)[:, None],
}  # fmt: skip


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_the_same_as_from_all_distances(name):
    frame = ARRANGEMENTS[name]
    found = _nearest.by_boxes(frame, 32)
    expected = _nearest.by_all_distances(frame[None], 32)[0]
    apart = [(frame[table] - frame[:, None]).norm(dim=-1) for table in (found, expected)]
    # Equal distances may be found in any order.
    assert torch.equal(*apart)
    assert (found == expected).float().mean() > 0.999


def test_atoms_whose_neighbours_may_be_further_are_compared_with_all(monkeypatch):
    frame = ARRANGEMENTS["dense"]
    monkeypatch.setattr(_nearest, "_BOXES", 8)
    expected = _nearest.by_all_distances(frame[None], 8)[0]
    assert not torch.equal(_nearest.by_boxes(frame, 8), expected)
    monkeypatch.setattr(_nearest, "_REPEATED", N)
    assert torch.equal(_nearest.by_boxes(frame, 8), expected)


def test_from_all_distances_in_one_row_at_a_time(monkeypatch):
    frames = draw(2, 50, 3)
    whole = _nearest.nearest_atoms(frames, 5)
    monkeypatch.setattr(_nearest, "_DISTANCES", 60)
    assert torch.equal(_nearest.nearest_atoms(frames, 5), whole)


def test_boxes_beyond_a_number_of_atoms(monkeypatch):
    frames = UNIFORM * draw(2, N, 3)
    expected = _nearest.nearest_atoms(frames, 32)
    monkeypatch.setattr(_nearest, "ALL_DISTANCES", N - 1)
    assert torch.equal(_nearest.nearest_atoms(frames, 32), expected)
    traced = torch.jit.trace(lambda x: _nearest.nearest_atoms(x, 32), (frames,), check_trace=False)
    other = UNIFORM * draw(2, N, 3, seed=1)
    assert torch.equal(traced(other), _nearest.nearest_atoms(other, 32))


def test_positions_that_are_no_numbers_have_atoms_for_neighbours():
    table = _nearest.by_boxes(torch.full((N, 3), torch.nan), 4)
    assert 0 <= table.min() and table.max() < N


@pytest.mark.parametrize("bonded_first", [False, True])
def test_what_pairs_of_a_graph_are(bonded_first):
    molecule = alkane(10)
    near = MoleculeContext(molecule.spec()).near
    frames = random_walk(molecule, 3).float()
    graph = NeighbourGraph(near, 12, bonded_first=bonded_first)(near, frames)
    atoms = torch.arange(molecule.n_atoms)
    distances, hops = torch.cdist(frames, frames), near.hops_between(atoms[:, None], atoms)
    if bonded_first:
        distances = torch.where(hops <= 2, 1e-3 * distances, distances)
    distances.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    assert torch.equal(graph.table, distances.topk(12, largest=False).indices)
    assert torch.equal(graph.hops, near.hops_between(atoms[:, None], graph.table))
    assert torch.equal(graph.kinds, near.kinds_between(atoms[:, None], graph.table))
