"""The mean structure of a molecule: by itself, and what networks add to going back to it."""

import torch
from torch import Tensor, nn

from ...mechanics import superpose
from ..layers import ParticleGraph
from ._interface import STATE_NETWORKS, StateNetwork, state_network

DRAWN = ("egnn-r", "egnn-s", "egnn-tb", "egno", "eghno", "st-egnn")


@state_network("mean-structure")
class MeanStructure(StateNetwork):
    r"""The mean structure of the training frames, superposed on the last state; no velocities.

    What is known of a molecule that has forgotten where it was: of fluctuations that are not
    correlated any more it has about half the mean square error of standing still. A network that
    does no better has learned nothing about the motion.

    Parameters
    ----------
    node_features, edge_features, horizon, **sizes
        See :class:`StateNetwork`.
    n_nodes : int
    """

    closed_form = True
    counts_nodes = True
    mirrors = False

    def __init__(self, node_features: int, edge_features: int, *, n_nodes: int, **sizes):
        super().__init__(node_features, edge_features, **sizes)
        #: ``(N, 3)``
        self.register_buffer("structure", torch.zeros(n_nodes, 3))

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """The same structure for all frames."""
        frames = structure_at(self.structure, x).expand(-1, self.horizon, -1, -1)
        return frames, torch.zeros_like(frames)

    @torch.no_grad()
    def fit(self, x: Tensor, v: Tensor, following: Tensor) -> None:
        """The mean of all frames, superposed on it."""
        self.structure.copy_(mean_structure(torch.cat([x, following], 1)))


@state_network("mean-reversion")
class MeanReversion(StateNetwork):
    r"""A network's frames, drawn to the mean structure: :math:`x_{ip} + g_{ip} (\bar x_i - x_i)`.

    :math:`\bar x` is the mean structure of the training frames superposed on the last state
    :math:`x`, and :math:`x_{ip}` what a network of the zoo predicts, which knows each node by
    features of its own. The gains :math:`g_{ip}` begin with what least squares gives to a network
    that stands still, between 0 and 1, and are trained with the network.

    Parameters
    ----------
    node_features, edge_features
        See :class:`StateNetwork`.
    n_nodes : int
    network : {"egnn-r", "egnn-s", "egnn-tb", "egno", "eghno", "st-egnn"}
        One that is equivariant and predicts all frames.
    identity : int
        Features that each node has of its own.
    **options
        Of the network.
    """

    counts_nodes = True
    mirrors = False
    begins_fitted = True
    reads_history = True

    def __init__(
        self, node_features: int, edge_features: int, *, n_nodes: int, network: str = "egno",
        identity: int = 16, **options,
    ):  # fmt: skip
        if network not in DRAWN:
            raise ValueError(f"network = {network!r}; there are: {', '.join(DRAWN)}")
        kind = STATE_NETWORKS[network]
        names = ("hidden", "layers", "history", "horizon")
        sizes = {name: options[name] for name in names if name in options}
        super().__init__(node_features, edge_features, **sizes)
        self.network = kind(node_features + identity, edge_features, **options)
        self.register_buffer("structure", torch.zeros(n_nodes, 3))
        self.identity = nn.Parameter(torch.randn(n_nodes, identity))
        #: ``(P, N)``
        self.gain = nn.Parameter(torch.zeros(self.horizon, n_nodes))

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """The network's frames, drawn to the mean structure."""
        away = structure_at(self.structure, x) - x[:, -1:]
        known = torch.cat([h, self.identity.expand(len(h), -1, -1)], -1)
        frames, velocities = self.network.predict(x, v, known, graph)
        return frames + self.gain.unsqueeze(-1) * away, velocities

    @torch.no_grad()
    def fit(self, x: Tensor, v: Tensor, following: Tensor) -> None:
        """The mean structure, and the gains that training begins with."""
        self.structure.copy_(mean_structure(torch.cat([x, following], 1)))
        away = structure_at(self.structure, x) - x[:, -1:]
        along = (away * (following - x[:, -1:])).sum((0, 3))
        self.gain.copy_((along / away.square().sum((0, 3)).clamp_min(1e-12)).clamp(0, 1))

    def take_auxiliary_loss(self) -> Tensor | None:
        """What the network adds."""
        return self.network.take_auxiliary_loss()


def mean_structure(frames: Tensor, rounds: int = 3) -> Tensor:
    """Mean of frames ``(n, T, N, 3)``, each superposed on it, ``(N, 3)``, about the origin."""
    frames = frames.flatten(0, 1)
    mean = frames[0]
    for _ in range(rounds):
        mean = superpose(frames, mean, _alike(frames)).mean(0)
    return mean - mean.mean(0)


def structure_at(structure: Tensor, x: Tensor) -> Tensor:
    """A structure ``(N, 3)`` superposed on the last of states ``(B, T, N, 3)``, ``(B, 1, N, 3)``"""
    if len(structure) != x.shape[-2]:
        raise ValueError(f"made for {len(structure)} nodes, got {x.shape[-2]}")
    last = x[:, -1:]
    return superpose(structure.expand_as(last), last, _alike(last))


def _alike(frames):
    return torch.ones(frames.shape[-2], dtype=frames.dtype, device=frames.device)
