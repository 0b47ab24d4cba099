"""The tensor field network and the SE(3)-Transformer, on building blocks of e3nn."""

import torch
from torch import Tensor, nn

from ..layers import Edges, ParticleGraph, TensorProduct, spherical_harmonics
from ._interface import StateNetwork, state_network

DEGREE = 2
# Keeps the gradient of a length finite where nodes coincide, or padding names a node itself
_SHORT = 1e-6


class TensorLayer(nn.Module):
    """Messages by tensor products, summed or attended to, a linear part, and a gate.

    Scalars pass SiLU; tensors of higher degree are multiplied by a sigmoid of scalars.

    Parameters
    ----------
    channels, edge_features : int
    attention : bool
        Whether messages are weighted by the inner product of a query of the node and keys of its
        edges (Fuchs et al. 2020), or alike.
    """

    def __init__(self, channels: int, edge_features: int, *, attention: bool):
        super().__init__()
        degrees = range(DEGREE + 1)
        self.value = TensorProduct(channels, DEGREE, edge_features, channels)
        self.own = nn.ModuleList(nn.Linear(channels, channels, bias=False) for _ in degrees)
        self.gate = nn.Linear(channels, DEGREE * channels)
        self.key = self.query = None
        if attention:
            self.key = TensorProduct(channels, DEGREE, edge_features, channels)
            self.query = nn.ModuleList(nn.Linear(channels, channels, bias=False) for _ in degrees)

    def forward(self, tensors, harmonics, invariants: Tensor, edges: Edges):
        """Tensors ``(B, 1, N, channels, 2 l + 1)`` of each degree, to the same."""
        theirs = [edges.others(t.flatten(-2)).unflatten(-1, t.shape[-2:]) for t in tensors]
        messages = self.value(theirs, harmonics, invariants)
        share = edges.share
        if self.key is not None:
            share = self._attention(tensors, theirs, harmonics, invariants, edges)
        pooled = [(share.unsqueeze(-1) * message).sum(3) for message in messages]
        new = [_mix(own, t) + p for own, t, p in zip(self.own, tensors, pooled, strict=True)]
        scalars = new[0].squeeze(-1)
        gates = torch.sigmoid(self.gate(scalars)).chunk(DEGREE, -1)
        higher = [gate.unsqueeze(-1) * t for gate, t in zip(gates, new[1:], strict=True)]
        gated = [nn.functional.silu(scalars).unsqueeze(-1), *higher]
        return [t + g for t, g in zip(tensors, gated, strict=True)]

    def _attention(self, tensors, theirs, harmonics, invariants, edges):
        keys = self.key(theirs, harmonics, invariants)
        score = sum(
            (_mix(query, t).unsqueeze(3) * key).sum((-1, -2))
            for query, t, key in zip(self.query, tensors, keys, strict=True)
        )
        score = score.unsqueeze(-1) / (sum(t[0, 0, 0].numel() for t in tensors)) ** 0.5
        # A node with no neighbours attends to none: every score is as low there, and nothing counts
        score = score.masked_fill(edges.present == 0, -1e4)
        return edges.present * score.softmax(3)


def _mix(linear, tensor):
    return linear(tensor.transpose(-1, -2)).transpose(-1, -2)


@state_network("tfn")
class TensorFieldNetwork(StateNetwork):
    """The tensor field network: convolutions by spherical harmonics, with tensors up to degree 2.

    It reads the features of the nodes as scalars and the velocities as vectors; displacement and
    velocity are vectors read off the last layer, none before training. Needs e3nn.

    Parameters
    ----------
    node_features, edge_features, hidden, layers
        See :class:`StateNetwork`; ``hidden`` channels of each degree.

    References
    ----------
    Thomas et al. 2018, Tensor field networks.
    """

    gives_trajectory = False
    attention = False

    def __init__(self, node_features: int, edge_features: int, **sizes):
        super().__init__(node_features, edge_features, **sizes)
        hidden = self.hidden
        self.embed = nn.Linear(node_features, hidden)
        self.embed_velocity = nn.Linear(1, hidden, bias=False)
        self.layers = nn.ModuleList(
            TensorLayer(hidden, edge_features, attention=self.attention)
            for _ in range(self.n_layers)
        )
        self.out = nn.Linear(hidden, 2, bias=False)
        nn.init.zeros_(self.out.weight)

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """What the vectors after all layers add to position and velocity."""
        edges = Edges(graph, self.relative_distances)
        separation = edges.others(x) - x.unsqueeze(-2)
        length = torch.sqrt((separation * separation).sum(-1, keepdim=True) + _SHORT**2)
        features = edges.features.expand(length.shape[:-1] + edges.features.shape[-1:])
        invariants = torch.cat([length, features], -1)
        harmonics = spherical_harmonics(separation, DEGREE)
        scalars = self.embed(h).unsqueeze(1).unsqueeze(-1)
        vectors = _mix(self.embed_velocity, v.unsqueeze(-2))
        second = torch.zeros_like(scalars).expand(scalars.shape[:-1] + (2 * DEGREE + 1,))
        tensors = [scalars, vectors, second]
        for layer in self.layers:
            tensors = layer(tensors, harmonics, invariants, edges)
        shift, kick = _mix(self.out, tensors[1]).unbind(-2)
        return x + shift, v + kick


@state_network("se3-transformer")
class SE3Transformer(TensorFieldNetwork):
    """The SE(3)-Transformer: a tensor field network whose messages are attended to. Needs e3nn.

    References
    ----------
    Fuchs et al. 2020, SE(3)-Transformers.
    """

    attention = True
