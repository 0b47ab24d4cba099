"""Graphs of particles as tables of fixed size: the neighbours of each, padded."""

from typing import NamedTuple

import torch
from torch import Tensor

from ._graph import complete_table, gather_atoms, neighbour_table


class ParticleGraph(NamedTuple):
    """Neighbours of each of N nodes, at most K, with A features of each edge.

    Tables of a fixed size in place of lists of edges: all shapes are static, which tracing and CUDA
    graphs want, and sums run over an axis, in a fixed order.
    """

    table: Tensor
    """``(..., N, K)``, long: neighbours of each node; where there is none, any index."""
    present: Tensor
    """``(..., N, K)``, bool: which entries are neighbours."""
    features: Tensor
    """``(..., N, K, A)``: features of the edges, beside their length."""

    def batched(self, batch: int) -> "ParticleGraph":
        """The same with one leading dimension of ``batch``: one graph may serve all."""
        return ParticleGraph(
            self.table.expand((batch,) + self.table.shape[-2:]),
            self.present.expand((batch,) + self.present.shape[-2:]),
            self.features.expand((batch,) + self.features.shape[-3:]),
        )


def complete_graph(features: Tensor) -> ParticleGraph:
    """Every node is a neighbour of every other, K = N − 1.

    Parameters
    ----------
    features : Tensor, ``(..., N, N, A)``
        Of all pairs; those of a node with itself are left out.
    """
    n = features.shape[-2]
    table = complete_table(n, features.device).expand(features.shape[:-3] + (n, n - 1))
    return ParticleGraph(
        table, torch.ones_like(table, dtype=torch.bool), pair_features(features, table)
    )


def bond_graph(bonds, n_nodes: int, hops: int) -> ParticleGraph:
    """Nodes up to some bonds apart, with one feature for each number of bonds, one or zero.

    Parameters
    ----------
    bonds : sequence of (int, int)
    n_nodes : int
    hops : int
        Most bonds between neighbours; 2 is the graph of motion capture in the literature.

    Returns
    -------
    ParticleGraph
        ``(N, K)``, with K the largest number of neighbours, and A = ``hops``.
    """
    adjacent = torch.zeros(n_nodes, n_nodes, dtype=torch.bool)
    for a, b in bonds:
        adjacent[a, b] = adjacent[b, a] = True
    apart = torch.zeros(n_nodes, n_nodes, dtype=torch.long)
    reached = torch.eye(n_nodes, dtype=torch.bool)
    for hop in range(1, hops + 1):
        new = ((reached.float() @ adjacent.float()) > 0) & ~reached
        apart[new], reached = hop, reached | new
    present, table = (apart > 0).sort(dim=1, descending=True, stable=True)
    width = max(1, int(present.sum(1).max()))
    present, table = present[:, :width], table[:, :width]
    features = torch.nn.functional.one_hot(apart.gather(1, table), hops + 1)[..., 1:].float()
    return ParticleGraph(table, present, features)


def radius_graph(frame: Tensor, radius: float, most: int, features: Tensor) -> ParticleGraph:
    """Nodes within a distance, the nearest first, at most K.

    Parameters
    ----------
    frame : Tensor, ``(..., N, 3)``
    radius : float
    most : int
        K, or the number of other nodes if that is less.
    features : Tensor, broadcastable to ``(..., N, N, A)``
        Of all pairs.
    """
    n = frame.shape[-2]
    table = neighbour_table(frame, most)
    flat = frame.reshape(-1, 1, n, 3)
    tables = table.reshape((-1,) + table.shape[-2:])
    separation = frame.unsqueeze(-2) - gather_atoms(flat, tables).reshape(table.shape + (3,))
    present = (separation * separation).sum(-1) < radius**2
    features = features.expand(frame.shape[:-2] + (n, n, features.shape[-1]))
    return ParticleGraph(table, present, pair_features(features, table))


def pair_features(features: Tensor, table: Tensor) -> Tensor:
    """Pick those of neighbours: ``(..., N, N, A)`` and ``(..., N, K)`` to ``(..., N, K, A)``."""
    index = table.unsqueeze(-1).expand(table.shape + features.shape[-1:])
    return features.gather(-2, index)
