"""Graphs of fixed size hold the edges that they should, and no others."""

import torch

from openmm_stegmn.models import NearPairs
from openmm_stegmn.models.layers import (
    EdgeMessages,
    Edges,
    NeighbourGraph,
    ParticleGraph,
    bond_graph,
    complete_graph,
    neighbour_table,
    radius_graph,
)


def neighbours(graph):
    """Sets of neighbours of each node."""
    return [
        {int(j) for j, here in zip(row, present, strict=True) if here}
        for row, present in zip(graph.table, graph.present, strict=True)
    ]


def test_complete_graph():
    features = torch.arange(48.0).reshape(4, 4, 3)
    graph = complete_graph(features)
    assert neighbours(graph) == [{0, 1, 2, 3} - {i} for i in range(4)]
    for i in range(4):
        assert torch.equal(graph.features[i], features[i, graph.table[i]])
    batch = complete_graph(features.expand(2, 5, 4, 4, 3))
    assert batch.table.shape == (2, 5, 4, 3) and batch.features.shape == (2, 5, 4, 3, 3)


def test_bonds_up_to_two_apart():
    graph = bond_graph([(0, 1), (1, 2), (2, 3)], 5, hops=2)
    assert neighbours(graph) == [{1, 2}, {0, 2, 3}, {0, 1, 3}, {1, 2}, set()]
    one_hot = {
        (i, int(j)): graph.features[i, k].tolist()
        for i in range(5)
        for k, j in enumerate(graph.table[i])
        if graph.present[i, k]
    }
    assert one_hot[0, 1] == [1, 0] and one_hot[0, 2] == [0, 1]


def test_within_a_radius_and_the_nearest_first():
    frame = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2.5, 0, 0], [9, 0, 0]]).expand(2, 4, 3)
    features = torch.randn(4, 4, 2)
    graph = radius_graph(frame, 2.0, 2, features)
    for each in range(2):
        one = ParticleGraph(*(part[each] for part in graph))
        assert neighbours(one) == [{1}, {0, 2}, {1}, set()]
        assert torch.equal(one.features[1, 0], features[1, one.table[1, 0]])
    assert graph.table[0, 1].tolist() == [0, 2]


def test_what_is_not_present_counts_for_nothing():
    graph = bond_graph([(0, 1), (1, 2)], 3, hops=1).batched(2)
    edges = Edges(graph)
    values = torch.randn(2, 1, 3, 4)
    total = edges.sum(edges.others(values))
    torch.testing.assert_close(total[:, :, 0], values[:, :, 1])
    torch.testing.assert_close(total[:, :, 1], values[:, :, 0] + values[:, :, 2])
    torch.testing.assert_close(edges.mean(edges.others(values))[:, :, 1], total[:, :, 1] / 2)


def test_bonded_atoms_come_before_near_ones():
    frame = torch.tensor([[0.0, 0, 0], [5, 0, 0], [1, 0, 0], [1.1, 0, 0], [1.2, 0, 0]])
    near = NearPairs([[1], [0], [], [], []], torch.zeros(5, dtype=torch.long))
    assert neighbour_table(frame, 2)[0].tolist() == [2, 3]
    first = NeighbourGraph(near, 2, bonded_first=True)(near, frame[None])
    assert first.table[0, 0].tolist() == [1, 2]
    assert first.hops[0, 0].tolist() == [1, 5]


def test_relative_distances_have_no_unit():
    """Of the same shape at any size, on the edges that there are."""
    generator = torch.Generator().manual_seed(4)
    graph = radius_graph(torch.randn(7, 3, generator=generator), 1.5, 4, torch.zeros(7, 7, 1))
    square = torch.rand(1, 2, 7, 4, 1, generator=generator)
    told = Edges(graph.batched(1), relative=True).told(square)
    torch.testing.assert_close(
        Edges(graph.batched(1), relative=True).told(1e4 * square), told, rtol=1e-5, atol=0
    )
    means = (told * graph.present[..., None]).sum((2, 3)) / graph.present.sum()
    torch.testing.assert_close(means, torch.ones_like(means))
    assert torch.equal(Edges(graph.batched(1)).told(square), square)


def test_softened_messages_are_told_of_encounters():
    """Of inverse distances, bounded at contact, and of relative velocities."""
    layer, told = EdgeMessages(4, 1, softening=0.5), []
    layer.edge.register_forward_pre_hook(lambda _, inputs: told.append(inputs[0]))
    x = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [1.2, 0, 0]])[None, None]
    v = torch.tensor([[0.0, 0, 0], [0.3, 0.4, 0], [0, 0, 0]])[None, None]
    layer(x, torch.zeros(1, 1, 3, 4), Edges(complete_graph(torch.ones(1, 3, 3, 1))), v)
    s = 1 / 1.3
    apart, touching = told[0][0, 0, 0, 0], told[0][0, 0, 1, 1]
    torch.testing.assert_close(apart, torch.tensor([1.44, s, s**2, 0.5 * s**3, 0.36, 0.25, 1]))
    torch.testing.assert_close(touching, torch.tensor([0.0, 2, 4, 4, 0, 0.25, 1]))
