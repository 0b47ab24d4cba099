"""Equivariant message passing with velocities, on graphs of fixed size."""

import torch
from torch import Tensor, nn

from ._graph import gather_atoms
from ._particle_graph import ParticleGraph
from ._perceptron import Perceptron


class Edges:
    """What messages need of a :class:`ParticleGraph`, for all frames at once.

    Parameters
    ----------
    graph : ParticleGraph
        ``(B, N, K)``; its features may have frames of their own, ``(B, P, N, K, A)``.
    relative : bool
        Whether messages are told of square distances relative to their mean in the frame.
    """

    def __init__(self, graph: ParticleGraph, relative: bool = False):
        self.relative = relative
        features = graph.features
        self.table = graph.table
        self.features = features if features.dim() == 5 else features.unsqueeze(1)
        self.present = graph.present[:, None, :, :, None].to(features.dtype)
        self.share = self.present / self.present.sum(3, keepdim=True).clamp_min(1)

    def sum(self, values: Tensor) -> Tensor:
        """Over neighbours, ``(B, P, N, K, F)`` to ``(B, P, N, F)``."""
        return (self.present * values).sum(3)

    def mean(self, values: Tensor) -> Tensor:
        """Over neighbours; zero for a node that has none."""
        return (self.share * values).sum(3)

    def told(self, square: Tensor) -> Tensor:
        """What messages are told of square distances ``(B, P, N, K, 1)``."""
        if not self.relative:
            return square
        size = (self.present * square).sum((2, 3), keepdim=True)
        return square * (self.present.sum((2, 3), keepdim=True) / size.clamp_min(1e-12))

    def others(self, values: Tensor) -> Tensor:
        """Values of the neighbours, ``(B, P, N, F)`` to ``(B, P, N, K, F)``."""
        return gather_atoms(values, self.table)


class Messages(nn.Module):
    r"""Messages :math:`m_{ij} = φ(h_i, h_j, e_{ij})` with two layers.

    The first one is linear in each, so that what comes from the nodes is computed once a node.

    Parameters
    ----------
    hidden, told : int
        Features of nodes, and what is told of each edge.
    """

    def __init__(self, hidden: int, told: int):
        super().__init__()
        self.receive, self.send = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        self.edge = nn.Linear(told, hidden, bias=False)
        self.out = nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())

    def messages(self, h: Tensor, told: list[Tensor], edges: Edges) -> Tensor:
        """``(B, P, N, K, hidden)``, of parts ``(B, P, N, K, ...)`` and the edges' features."""
        shape = told[0].shape[:-1] + edges.features.shape[-1:]
        inner = self.receive(h).unsqueeze(-2) + edges.others(self.send(h))
        return self.out(inner + self.edge(torch.cat([*told, edges.features.expand(shape)], -1)))


class EdgeMessages(Messages):
    r"""Messages :math:`m_{ij} = φ_e(h_i, h_j, |x_{ij}|^2, e_{ij})`, see :class:`Messages`.

    Parameters
    ----------
    hidden, edge_features : int
    softening : float, optional
        Messages are also told of inverse distances, softened by this length, and of relative
        velocities: see :class:`~openmm_stegmn.models.networks.EGNN`. None: of neither.
    """

    def __init__(self, hidden: int, edge_features: int, softening: float | None = None):
        if softening is not None and not softening > 0:
            raise ValueError(f"softening must be positive, got {softening}")
        super().__init__(hidden, (1 if softening is None else 6) + edge_features)
        self.softening = softening

    def forward(self, x: Tensor, h: Tensor, edges: Edges, v: Tensor | None = None):
        """Separations ``(B, P, N, K, 3)`` and messages ``(B, P, N, K, hidden)``.

        Velocities are read with a softening only.
        """
        separation = x.unsqueeze(-2) - edges.others(x)
        square = (separation * separation).sum(-1, keepdim=True)
        told = [edges.told(square)]
        if self.softening is not None:
            inverse = torch.rsqrt(square + self.softening**2)
            motion = v.unsqueeze(-2) - edges.others(v)
            told += [inverse, inverse**2, self.softening * inverse**3]
            told += [(separation * motion).sum(-1, keepdim=True)]
            told += [(motion * motion).sum(-1, keepdim=True)]
        return separation, self.messages(h, told, edges)


class EGNNLayer(nn.Module):
    r"""A layer of the E(n) equivariant graph neural network with velocities.

    .. math:: m_{ij} = φ_e(h_i, h_j, |x_{ij}|^2, e_{ij}), \quad
              v_i ← φ_v(h_i) v_i + \mathrm{mean}_j\, x_{ij} φ_x(m_{ij}),

    .. math:: x_i ← x_i + v_i, \quad h_i ← h_i + φ_h(h_i, \textstyle\sum_j m_{ij}),

    with :math:`x_{ij} = x_i - x_j`. There are no forces before training.

    Parameters
    ----------
    hidden, edge_features : int
    softening : float, optional
        See :class:`EdgeMessages`.

    References
    ----------
    Satorras et al. 2021, E(n) equivariant graph neural networks, eqs. 3, 6 and 7.
    """

    def __init__(self, hidden: int, edge_features: int, softening: float | None = None):
        super().__init__()
        self.messages = EdgeMessages(hidden, edge_features, softening)
        self.force = Perceptron(hidden, hidden, 1, zero=True)
        self.keep = Perceptron(hidden, hidden, 1)
        self.update = Perceptron(2 * hidden, hidden, hidden)

    def forward(self, x: Tensor, v: Tensor, h: Tensor, edges: Edges):
        """Pass messages once, frame by frame.

        Parameters
        ----------
        x, v : Tensor, ``(B, P, N, 3)``
        h : Tensor, ``(B, P, N, hidden)``
        edges : Edges

        Returns
        -------
        x, v, h : Tensor
        """
        separation, message = self.messages(x, h, edges, v)
        v = self.keep(h) * v + edges.mean(separation * self.force(message))
        return x + v, v, h + self.update(torch.cat([h, edges.sum(message)], -1))
