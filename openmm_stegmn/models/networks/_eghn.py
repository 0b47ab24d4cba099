"""EGHN, the equivariant graph hierarchical network, and EGHNO, its neural operator."""

import torch
from torch import Tensor, nn

from ..layers import (
    Edges,
    EGNNLayer,
    ParticleGraph,
    Perceptron,
    PoolingLayer,
    SoftClusters,
    fourier_basis,
)
from ._egno import OperatorNetwork
from ._interface import StateNetwork, state_network

# Position in its cluster, velocity, force
_POOLED = 3
# Force of the cluster, position and velocity relative to it, force
_UNPOOLED = 4


class Hierarchy(nn.Module):
    r"""Messages between nodes, between clusters of them, and back.

    1. EGNN layers between nodes, which give each a force :math:`f_i = x_i' - x_i`;
    2. pooling layers, from invariants of :math:`[x_i - \bar x, f_i, v_i]`, and soft assignment
       :math:`s_i = \mathrm{softmax}(φ(h_i))` to C clusters, of which position, velocity and
       features are the weighted means;
    3. EGNN layers between the clusters, which move them by :math:`F_c`;
    4. un-pooling: :math:`x_i ← x_i + \sum_c s_{ic} F_c + Z_i φ(Z_i^T Z_i, h_i, h_c)` with
       :math:`Z_i = [F_c, x_i - x_c, v_i - v_c, f_i]`, and velocities alike.

    Parameters
    ----------
    hidden, edge_features, layers, clusters, pooling_layers : int

    References
    ----------
    Han et al. 2022, Equivariant graph hierarchy-based neural networks.
    """

    def __init__(
        self, hidden: int, edge_features: int, layers: int, clusters: int, pooling_layers: int
    ):
        super().__init__()
        if clusters < 1:
            raise ValueError(f"clusters must be at least 1, got {clusters}")
        self.low = nn.ModuleList(EGNNLayer(hidden, edge_features) for _ in range(layers))
        self.pooling = nn.ModuleList(
            PoolingLayer(hidden, edge_features, _POOLED) for _ in range(pooling_layers)
        )
        self.assign = Perceptron(hidden, hidden, clusters)
        self.high = nn.ModuleList(EGNNLayer(hidden, 1) for _ in range(layers))
        inputs = 2 * hidden + _UNPOOLED**2
        self.correct = Perceptron(inputs, hidden, 2 * _UNPOOLED, zero=True)
        self.cut_loss: Tensor | None = None

    def clusters(self, x: Tensor, v: Tensor, force: Tensor, h: Tensor, edges: Edges):
        """Assign nodes ``(B, P, N, ...)`` to clusters."""
        z = torch.stack([x - x.mean(-2, keepdim=True), force, v], -2)
        for layer in self.pooling:
            z, h = layer(z, h, edges)
        return SoftClusters(self.assign(h).softmax(-1), edges)

    def forward(self, x: Tensor, v: Tensor, h: Tensor, edges: Edges, temporal=None):
        """Pass messages up and down, frame by frame.

        Parameters
        ----------
        x, v, h, edges
            As of :class:`EGNNLayer`.
        temporal : (list of Module, list of Module, Tensor), optional
            Convolutions before each layer between nodes, those before each between clusters, and
            their basis.

        Returns
        -------
        x, v : Tensor, ``(B, P, N, 3)``
        """
        low, high, basis = temporal or (None, None, None)
        moved, _, h = _pass(self.low, low, basis, x, v, h, edges)
        force = moved - x
        clusters = self.clusters(x, v, force, h, edges)
        # Lost after each evaluation, or whatever copies the network would find its graph
        self.cut_loss = clusters.cut_loss() if self.training else None
        of_clusters = [clusters.pool(values) for values in (x, v, h)]
        ends = _pass(self.high, high, basis, *of_clusters, clusters.edges())
        push, kick = (
            clusters.spread(end - start) for end, start in zip(ends[:2], of_clusters, strict=False)
        )
        x_of, v_of = (clusters.spread(values) for values in of_clusters[:2])
        z = torch.stack([push, x - x_of, v - v_of, force], -2)
        gram = z @ z.transpose(-1, -2)
        bound = 1 + gram.diagonal(dim1=-2, dim2=-1).sum(-1)
        invariants = (gram / bound[..., None, None]).flatten(-2)
        weights = self.correct(torch.cat([h, clusters.spread(ends[2]), invariants], -1))
        correction = weights.unflatten(-1, (2, _UNPOOLED)) @ z
        return x + push + correction[..., 0, :], v + kick + correction[..., 1, :]

    def take_cut_loss(self) -> Tensor | None:
        """Cut loss of the last evaluation in training, once."""
        loss, self.cut_loss = self.cut_loss, None
        return loss


def _pass(layers, temporal, basis, x, v, h, edges):
    for number, layer in enumerate(layers):
        if temporal is not None:
            x, v, h = temporal[number](x, v, h, basis)
        x, v, h = layer(x, v, h, edges)
    return x, v, h


@state_network("eghn")
class EGHN(StateNetwork):
    """The equivariant graph hierarchical network, from one state to one frame.

    Its auxiliary loss is the cut loss, which keeps clusters local.

    Parameters
    ----------
    node_features, edge_features, hidden, layers
        See :class:`StateNetwork`; as many layers between nodes as between clusters.
    clusters, pooling_layers : int
    """

    gives_trajectory = False

    def __init__(
        self, node_features: int, edge_features: int, *, clusters: int = 5,
        pooling_layers: int = 2, **sizes,
    ):  # fmt: skip
        super().__init__(node_features, edge_features, **sizes)
        self.embed = nn.Linear(node_features, self.hidden)
        self.hierarchy = Hierarchy(
            self.hidden, edge_features, self.n_layers, clusters, pooling_layers
        )

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """The frame after un-pooling."""
        return self.hierarchy(
            x, v, self.embed(h).unsqueeze(1), Edges(graph, self.relative_distances)
        )

    def take_auxiliary_loss(self) -> Tensor | None:
        """The cut loss."""
        return self.hierarchy.take_cut_loss()


@state_network("eghno")
class EGHNO(OperatorNetwork):
    """EGHN with convolutions in time before each layer, between nodes and between clusters.

    Parameters
    ----------
    node_features, edge_features, **options
        See :class:`OperatorNetwork`.
    clusters, pooling_layers : int
        See :class:`EGHN`.
    """

    def __init__(
        self, node_features: int, edge_features: int, *, clusters: int = 5,
        pooling_layers: int = 2, **options,
    ):  # fmt: skip
        super().__init__(node_features, edge_features, **options)
        self.hierarchy = Hierarchy(
            self.hidden, edge_features, self.n_layers, clusters, pooling_layers
        )
        self.temporal_low = self.convolutions(self.n_layers)
        self.temporal_high = self.convolutions(self.n_layers)

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph, frames=None):
        """The P frames, or as many as asked for."""
        x, v, h = self.lift(x, v, h, frames)
        basis = fourier_basis(x.shape[1], self.modes, x)
        temporal = self.temporal_low, self.temporal_high, basis
        return self.hierarchy(x, v, h, Edges(graph, self.relative_distances), temporal)

    def take_auxiliary_loss(self) -> Tensor | None:
        """The cut loss."""
        return self.hierarchy.take_cut_loss()
