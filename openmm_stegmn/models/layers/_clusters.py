"""Soft clusters of nodes: assignment, states and graph of the clusters."""

import torch
from torch import Tensor, nn

from ._egnn import Edges, Messages
from ._particle_graph import complete_graph
from ._perceptron import Perceptron


class PoolingLayer(Messages):
    r"""Messages from the inner products of several vectors of each node.

    With :math:`Z_i` the vectors of a node,
    :math:`m_{ij} = φ(h_i, h_j, Z_i^T Z_j, e_{ij})`,
    :math:`Z_i ← Z_i + \mathrm{mean}_j Z_j W(m_{ij})`,
    :math:`h_i ← h_i + φ_h(h_i, \sum_j m_{ij})`. Inner products are bounded by the sizes of both.
    Messages are those of :class:`Messages`.

    Parameters
    ----------
    hidden, edge_features, vectors : int
    """

    def __init__(self, hidden: int, edge_features: int, vectors: int):
        super().__init__(hidden, vectors * vectors + edge_features)
        self.vectors = vectors
        self.mix = Perceptron(hidden, hidden, vectors * vectors)
        self.update = Perceptron(2 * hidden, hidden, hidden)

    def forward(self, z: Tensor, h: Tensor, edges: Edges):
        """``(B, P, N, vectors, 3)`` and ``(B, P, N, hidden)`` to the same."""
        theirs = edges.others(z.flatten(-2)).unflatten(-1, z.shape[-2:])
        square = (z * z).sum((-1, -2))
        bound = 1 + square.unsqueeze(-1) + edges.others(square.unsqueeze(-1)).squeeze(-1)
        products = torch.einsum("bpnax,bpnkcx->bpnkac", z, theirs) / bound[..., None, None]
        message = self.messages(h, [products.flatten(-2)], edges)
        mix = (edges.share * self.mix(message)).unflatten(-1, (self.vectors, self.vectors))
        z = z + torch.einsum("bpnkca,bpnkcx->bpnax", mix, theirs)
        return z, h + self.update(torch.cat([h, edges.sum(message)], -1))


class SoftClusters:
    r"""Clusters that nodes belong to by shares, and what the clusters are.

    Parameters
    ----------
    shares : Tensor, ``(B, P, N, C)``
        Of each node, adding to one.
    edges : Edges
    """

    def __init__(self, shares: Tensor, edges: Edges):
        self.shares, self.relative = shares, edges.relative
        self.weights = shares / shares.sum(2, keepdim=True).clamp_min(1e-6)
        #: Edges from cluster to cluster :math:`S^T A S`, ``(B, P, C, C)``
        self.adjacency = shares.transpose(-1, -2) @ edges.sum(edges.others(shares))

    def pool(self, values: Tensor) -> Tensor:
        """Means over clusters, ``(B, P, N, F)`` to ``(B, P, C, F)``."""
        return self.weights.transpose(-1, -2) @ values

    def spread(self, values: Tensor) -> Tensor:
        """Values of the clusters of each node, ``(B, P, C, F)`` to ``(B, P, N, F)``."""
        return self.shares @ values

    def edges(self) -> Edges:
        """The complete graph of clusters; of each edge, its share of the edges that leave."""
        leaving = self.adjacency.sum(-1, keepdim=True).clamp_min(1e-6)
        graph = complete_graph((self.adjacency / leaving).unsqueeze(-1))
        graph = graph._replace(table=graph.table[:, 0], present=graph.present[:, 0])
        return Edges(graph, self.relative)

    def cut_loss(self) -> Tensor:
        r""":math:`‖\mathrm{normalise}(S^T A S) - I‖`, small where edges stay in their cluster."""
        rows = nn.functional.normalize(self.adjacency, dim=-1)
        eye = torch.eye(rows.shape[-1], dtype=rows.dtype, device=rows.device)
        return torch.linalg.matrix_norm(rows - eye).mean()
