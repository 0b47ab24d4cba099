"""EGNN with velocity, and three ways to make a trajectory of it."""

import torch
from torch import Tensor, nn

from ..layers import EdgeMessages, Edges, EGNNLayer, ParticleGraph, Perceptron
from ._interface import StateNetwork, state_network


@state_network("egnn")
class EGNN(StateNetwork):
    """The E(n) equivariant graph neural network, from one state to the frame asked for.

    It gives one frame, the last of a horizon, in one evaluation: ``horizon`` is 1.

    Parameters
    ----------
    node_features, edge_features, hidden, layers, history, horizon
        See :class:`StateNetwork`.
    softening : float, optional
        Length ε, in the unit of positions, for forces that are steep near contact: messages are
        also told of inverse distances :math:`s = (|x_{ij}|^2 + ε^2)^{-1/2}`, as
        :math:`s, s^2, εs^3`, and of relative velocities, as :math:`x_{ij} · v_{ij}` and
        :math:`|v_{ij}|^2`. None: as published, of neither.

    References
    ----------
    Satorras et al. 2021, E(n) equivariant graph neural networks.
    """

    gives_trajectory = False

    def __init__(
        self, node_features: int, edge_features: int, *, softening: float | None = None, **sizes
    ):
        super().__init__(node_features, edge_features, **sizes)
        self.softening = softening
        self.embed = nn.Linear(node_features, self.hidden)
        self.layers = nn.ModuleList(
            EGNNLayer(self.hidden, edge_features, softening) for _ in range(self.count_of_layers())
        )

    def count_of_layers(self) -> int:
        """Layers that there are; ``self.n_layers`` were asked for."""
        return self.n_layers

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """The frame after all layers."""
        h, edges = self.embed(h).unsqueeze(1), Edges(graph, self.relative_distances)
        for layer in self.layers:
            x, v, h = layer(x, v, h, edges)
        return x, v


@state_network("egnn-r")
class EGNNRollOut(EGNN):
    """EGNN-R: the same network again and again, each frame from the one before."""

    gives_trajectory = True

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """P evaluations of :class:`EGNN`."""
        frames, velocities = [], []
        for _ in range(self.horizon):
            x, v = super().predict(x, v, h, graph)
            frames.append(x)
            velocities.append(v)
        return torch.cat(frames, 1), torch.cat(velocities, 1)


@state_network("egnn-s")
class EGNNSequence(EGNN):
    """EGNN-S: frames are read off on the way through the layers, every so many layers.

    Layers are as many as asked for, or more: a multiple of the frames.
    """

    gives_trajectory = True

    def count_of_layers(self) -> int:
        """The next multiple of P."""
        return -(-self.n_layers // self.horizon) * self.horizon

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """A frame every so many layers."""
        h, edges = self.embed(h).unsqueeze(1), Edges(graph, self.relative_distances)
        each, frames, velocities = len(self.layers) // self.horizon, [], []
        for number, layer in enumerate(self.layers, 1):
            x, v, h = layer(x, v, h, edges)
            if number % each == 0:
                frames.append(x)
                velocities.append(v)
        return torch.cat(frames, 1), torch.cat(velocities, 1)


@state_network("egnn-tb")
class EGNNBundle(EGNN):
    r"""EGNN-TB: temporal bundling, all frames from the features after the last layer.

    :math:`v_{ip} = a_p(h_i) v_i + \mathrm{mean}_j\, x_{ij} b_p(m_{ij})`,
    :math:`x_{ip} = x_i + \sum_{q ≤ p} v_{iq}`, with the messages of the last layer.

    References
    ----------
    Brandstetter et al. 2022, Message passing neural PDE solvers (temporal bundling).
    """

    gives_trajectory = True

    def __init__(self, node_features: int, edge_features: int, **sizes):
        super().__init__(node_features, edge_features, **sizes)
        self.messages = EdgeMessages(self.hidden, edge_features, self.softening)
        self.keep = Perceptron(self.hidden, self.hidden, self.horizon)
        self.force = Perceptron(self.hidden, self.hidden, self.horizon, zero=True)

    def count_of_layers(self) -> int:
        """One less: what makes the frames is the last."""
        return self.n_layers - 1

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """All frames from the messages of the last layer."""
        h, edges = self.embed(h).unsqueeze(1), Edges(graph, self.relative_distances)
        for layer in self.layers:
            x, v, h = layer(x, v, h, edges)
        separation, message = self.messages(x, h, edges, v)
        weights = edges.share * self.force(message)
        pushed = torch.einsum("bznkp,bznkx->bpnx", weights, separation)
        kept = torch.einsum("bznp,bznx->bpnx", self.keep(h), v)
        velocities = kept + pushed
        return x + velocities.cumsum(1), velocities
