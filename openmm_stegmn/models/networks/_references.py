"""Simple references: linear ones, the radial field, and a network that is not equivariant."""

import torch
from torch import Tensor, nn

from ..layers import EdgeMessages, Edges, ParticleGraph, Perceptron
from ._interface import StateNetwork, state_network


@state_network("linear-dynamics")
class LinearDynamics(StateNetwork):
    r"""Free flight: :math:`x_p = x + t_p v`, with learned times.

    Before training frame p is p + 1 intervals ahead: that of velocities per interval.
    """

    closed_form = True

    def __init__(self, node_features: int, edge_features: int, **sizes):
        super().__init__(node_features, edge_features, **sizes)
        self.time = nn.Parameter(torch.arange(1.0, self.horizon + 1))

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """Positions along straight lines."""
        return x + self.time[:, None, None] * v, v.expand(-1, self.horizon, -1, -1)

    @torch.no_grad()
    def fit(self, x: Tensor, v: Tensor, following: Tensor) -> None:
        """The times that have the least square error."""
        along = (following - x[:, -1:]) * v[:, -1:]
        # Of particles at rest any times do.
        squares = v[:, -1].square().sum().clamp_min(torch.finfo(v.dtype).tiny)
        self.time.copy_(along.sum((0, 2, 3)) / squares)


# Windows whose sums of products are taken at a time
_BLOCK = 256


@state_network("linear-trajectory")
class LinearTrajectory(StateNetwork):
    r"""Linear in all states: :math:`x_p = x_T + \sum_t a_{pt} (x_t - x_T) + \sum_t b_{pt} v_t`.

    The same numbers for all nodes. What a network adds that reads several states is what it has
    learned beyond averaging them.
    """

    closed_form = True
    reads_history = True

    def __init__(self, node_features: int, edge_features: int, **sizes):
        super().__init__(node_features, edge_features, **sizes)
        #: a and then b, ``(P, 2 T - 1)``
        self.weight = nn.Parameter(torch.zeros(self.horizon, 2 * self.history - 1))

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """Sums of the states; velocities are the last ones."""
        frames = x[:, -1:] + torch.einsum("pt,btnx->bpnx", self.weight, _known(x, v))
        return frames, v[:, -1:].expand_as(frames)

    @torch.no_grad()
    def fit(self, x: Tensor, v: Tensor, following: Tensor) -> None:
        """The numbers that have the least square error; the smallest if there are several."""
        products, along = 0.0, 0.0
        for places, velocities, after in zip(
            x.split(_BLOCK), v.split(_BLOCK), following.split(_BLOCK), strict=True
        ):
            known = _known(places.double(), velocities.double())
            ahead = (after - places[:, -1:]).double()
            products = products + torch.einsum("btnx,bsnx->ts", known, known)
            along = along + torch.einsum("btnx,bpnx->tp", known, ahead)
        # States a frame apart have differences of positions that are velocities too. Of single
        # precision, what is alike differs by rounding: by less than 1e-6, and here are squares.
        inverse = torch.linalg.pinv(products, rtol=1e-12, hermitian=True)
        self.weight.copy_((inverse @ along).T)


def _known(x, v):
    """What states know beside where the last one is, ``(B, 2 T - 1, N, 3)``."""
    return torch.cat([x[:, :-1] - x[:, -1:], v], 1)


class RadialFieldLayer(nn.Module):
    r""":math:`v_i ← φ_v(|v_i|) v_i + \mathrm{mean}_j\, x_{ij} \tanh φ(|x_{ij}|, e_{ij})`."""

    def __init__(self, hidden: int, edge_features: int):
        super().__init__()
        self.force = Perceptron(1 + edge_features, hidden, 1, zero=True)
        self.keep = Perceptron(1, hidden, 1)

    def forward(self, x: Tensor, v: Tensor, edges: Edges):
        """Positions and velocities ``(B, P, N, 3)``."""
        separation = x.unsqueeze(-2) - edges.others(x)
        distance = torch.sqrt((separation * separation).sum(-1, keepdim=True) + 1e-12)
        features = edges.features.expand(distance.shape[:-1] + edges.features.shape[-1:])
        speed = torch.sqrt((v * v).sum(-1, keepdim=True) + 1e-6)
        field = torch.tanh(self.force(torch.cat([distance, features], -1)))
        v = self.keep(speed) * v + edges.mean(separation * field)
        return x + v, v


@state_network("radial-field")
class RadialField(StateNetwork):
    r"""Equivariant flows of distances alone, with no features of nodes, from a state to a frame.

    Each layer adds :math:`v_i` to the position.

    References
    ----------
    Köhler et al. 2019, Equivariant flows.
    """

    gives_trajectory = False

    def __init__(self, node_features: int, edge_features: int, **sizes):
        super().__init__(node_features, edge_features, **sizes)
        self.layers = nn.ModuleList(
            RadialFieldLayer(self.hidden, edge_features) for _ in range(self.n_layers)
        )

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """The frame after all layers."""
        edges = Edges(graph, self.relative_distances)
        for layer in self.layers:
            x, v = layer(x, v, edges)
        return x, v


@state_network("mpnn")
class MessagePassing(StateNetwork):
    """Message passing with coordinates as features, which is not equivariant to rotation.

    References
    ----------
    Gilmer et al. 2017, Neural message passing for quantum chemistry; "GNN" in the tables of
    Satorras et al. 2021 and Xu et al. 2024.
    """

    equivariant = False

    def __init__(self, node_features: int, edge_features: int, **sizes):
        super().__init__(node_features, edge_features, **sizes)
        hidden, each = self.hidden, range(self.n_layers)
        self.embed = nn.Linear(node_features + 6, hidden)
        self.messages = nn.ModuleList(EdgeMessages(hidden, edge_features) for _ in each)
        self.update = nn.ModuleList(Perceptron(2 * hidden, hidden, hidden) for _ in each)
        self.decode = Perceptron(hidden, hidden, 6 * self.horizon, zero=True)

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """Displacements and changes of velocity, read off the features."""
        edges = Edges(graph, self.relative_distances)
        h = self.embed(torch.cat([h.unsqueeze(1), x, v], -1))
        for messages, update in zip(self.messages, self.update, strict=True):
            _, message = messages(x, h, edges)
            h = h + update(torch.cat([h, edges.mean(message)], -1))
        out = self.decode(h).unflatten(-1, (2, self.horizon, 3)).squeeze(1)
        shift, kick = out.permute(2, 0, 3, 1, 4)
        return x + shift, v + kick
