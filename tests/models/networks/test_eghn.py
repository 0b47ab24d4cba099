"""Soft clusters: shares, means, edges between them, and the loss that keeps them local."""

import torch

from openmm_stegmn.models.layers import Edges, SoftClusters, complete_graph
from openmm_stegmn.models.networks import EGHN

# Two triangles with one edge between them
EDGES = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (2, 3)]


def two_triangles():
    adjacent = torch.zeros(6, 6, dtype=torch.bool)
    for i, j in EDGES:
        adjacent[i, j] = adjacent[j, i] = True
    graph = complete_graph(torch.zeros(6, 6, 1))
    present = adjacent.gather(1, graph.table)
    return graph._replace(present=present)


def hard(assignment):
    return torch.nn.functional.one_hot(torch.tensor(assignment)).float()[None, None]


def test_clusters_of_whole_nodes():
    clusters = SoftClusters(hard([0, 0, 0, 1, 1, 1]), Edges(two_triangles().batched(1)))
    assert clusters.adjacency[0, 0].tolist() == [[6, 1], [1, 6]]
    x = torch.randn(1, 1, 6, 3)
    means = clusters.pool(x)
    torch.testing.assert_close(means[0, 0, 0], x[0, 0, :3].mean(0))
    torch.testing.assert_close(clusters.spread(means)[0, 0, 4], x[0, 0, 3:].mean(0))
    edges = clusters.edges()
    assert edges.table[0].tolist() == [[1], [0]]
    torch.testing.assert_close(edges.features.flatten(), torch.tensor([1 / 7, 1 / 7]))


def test_cut_loss_is_least_where_edges_stay_inside():
    edges = Edges(two_triangles().batched(1))
    loss = lambda assignment: SoftClusters(hard(assignment), edges).cut_loss()  # noqa: E731
    assert loss([0, 0, 0, 1, 1, 1]) < loss([0, 0, 1, 1, 1, 0]) < loss([0, 1, 0, 1, 0, 1])


def test_training_on_the_cut_loss_alone_makes_clusters_local():
    torch.manual_seed(0)
    network = EGHN(1, 1, hidden=16, layers=1, clusters=2)
    centre = torch.tensor([[-2.0, 0, 0], [2, 0, 0]]).repeat_interleave(3, 0)
    x, h, graph = centre + 0.5 * torch.randn(6, 3), torch.zeros(1, 6, 1), two_triangles()
    # What tells the triangles apart
    h[0, 3:] = 1
    optimiser, losses = torch.optim.Adam(network.parameters(), lr=3e-3), []
    for _ in range(80):
        optimiser.zero_grad()
        network(x[None, None], torch.zeros(1, 1, 6, 3), h, graph)
        loss = network.take_auxiliary_loss()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    whole = SoftClusters(hard([0, 0, 0, 1, 1, 1]), Edges(graph.batched(1))).cut_loss().item()
    assert losses[-1] < 1.1 * whole < losses[0]


def test_shares_go_with_their_nodes():
    """Soft assignment is equivariant to the order of nodes, and adds to one."""
    torch.manual_seed(0)
    network = EGHN(1, 1, hidden=8, layers=1, clusters=3).double()
    x, v, force = (torch.randn(1, 1, 6, 3, dtype=torch.float64) for _ in range(3))
    h, pairs = torch.randn(1, 1, 6, 8).double(), torch.randn(6, 6, 1, dtype=torch.float64)

    def shares(order):
        graph = complete_graph(pairs[order][:, order]).batched(1)
        parts = (part[:, :, order] for part in (x, v, force, h))
        return network.hierarchy.clusters(*parts, Edges(graph)).shares

    order = torch.tensor([4, 2, 0, 5, 1, 3])
    before = shares(torch.arange(6))
    torch.testing.assert_close(shares(order), before[:, :, order])
    torch.testing.assert_close(before.sum(-1), torch.ones(1, 1, 6).double())
    assert before.std(2).min() > 0


def test_clusters_carry_motion_that_neighbours_do_not():
    """Before any correction a node moves as its cluster does."""
    torch.manual_seed(0)
    network = EGHN(1, 1, hidden=8, layers=1, clusters=1).eval()
    for layer in network.hierarchy.low:
        torch.nn.init.zeros_(layer.keep.net[2].weight)
        torch.nn.init.zeros_(layer.keep.net[2].bias)
    x, v = torch.randn(1, 1, 6, 3), torch.randn(1, 1, 6, 3)
    frames, _ = network(x, v, torch.zeros(1, 6, 1), two_triangles())
    moved = frames - x
    torch.testing.assert_close(moved, moved[:, :, :1].expand_as(moved), atol=1e-5, rtol=0)
    drift = v.mean(2, keepdim=True)
    across = torch.linalg.cross(moved[:, :, :1], drift).norm()
    assert across < 1e-5 * moved.norm() + 1e-6 and moved.norm() > 1e-3
