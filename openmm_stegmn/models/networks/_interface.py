"""The interface of state networks, and their names."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ..layers import ParticleGraph

#: State networks by name.
STATE_NETWORKS: dict = {}


def state_network(name: str):
    """Class decorator: make a state network available under ``name``."""

    def add(cls):
        if name in STATE_NETWORKS:
            raise ValueError(f"a state network named {name!r} is registered already")
        STATE_NETWORKS[name] = cls
        return cls

    return add


class StateNetwork(nn.Module, ABC):
    """States of particles in, the frames that follow out: an architecture with no units.

    Positions and velocities of the last T states, features of nodes and of edges go in; P frames
    come out of one evaluation. Networks that read one state have T = 1.

    ==============  ======================  ================================================
    quantity        shape                   meaning
    ==============  ======================  ================================================
    ``x``, ``v``    ``(B, T, N, 3)``        positions and velocities, oldest first
    ``h``           ``(B, N, F)``           features of the nodes
    ``graph``       ``(..., N, K)``         :class:`ParticleGraph`, one for all or one each
    ``frames``      ``(B, P, N, 3)``        positions
    ``velocities``  ``(B, P, N, 3)``        in the unit of ``v``, where a loss asks for them
    ==============  ======================  ================================================

    Subclasses define :meth:`predict`.

    Parameters
    ----------
    node_features, edge_features : int
        F and A.
    hidden, layers : int
        Width of features, and number of layers.
    history, horizon : int
        T and P.
    relative_distances : bool
        Whether messages are told of square distances relative to their mean over all edges of a
        frame. Of large ones, in any unit, a layer that pushes nodes apart makes the next push more,
        and training ends in infinity.
    """

    #: Whether rotations, reflections and translations of the input do the same to the output.
    equivariant = True
    #: Whether reflections do, of a network that is equivariant.
    mirrors = True
    #: Whether several states may go in.
    reads_history = False
    #: Whether several frames may come out.
    gives_trajectory = True
    #: Whether :meth:`fit` gives the final parameters, with no training loop.
    closed_form = False
    #: Whether training begins with what :meth:`fit` gives.
    begins_fitted = False
    #: Whether it is made for a number of nodes: its ``n_nodes``.
    counts_nodes = False

    def __init__(
        self, node_features: int, edge_features: int, *, hidden: int = 64, layers: int = 4,
        history: int = 1, horizon: int = 1, relative_distances: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.relative_distances = relative_distances
        sizes = {"hidden": hidden, "layers": layers, "history": history, "horizon": horizon}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        if history > 1 and not self.reads_history:
            raise ValueError(
                f"{type(self).__name__} reads one state, got history = {history}; leave it out"
            )
        if horizon > 1 and not self.gives_trajectory:
            raise ValueError(
                f"{type(self).__name__} gives one frame, got horizon = {horizon}; leave it out"
            )
        self.node_features, self.edge_features = node_features, edge_features
        self.hidden, self.n_layers = hidden, layers
        self.history, self.horizon = history, horizon

    def forward(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph, **decoding):
        """Predict P frames and their velocities, each ``(B, P, N, 3)``; see the class for shapes.

        Parameters
        ----------
        x, v, h, graph
        **decoding
            What :meth:`predict` takes beside these.

        Raises
        ------
        ValueError
            If there are not ``history`` states.
        """
        if x.shape[1] != self.history:
            raise ValueError(
                f"{type(self).__name__} was made for {self.history} states, got {x.shape[1]}"
            )
        # Far from the origin single precision loses digits.
        origin = x[:, -1:].mean(-2, keepdim=True)
        frames, velocities = self.predict(x - origin, v, h, graph.batched(len(x)), **decoding)
        return frames + origin, velocities

    @abstractmethod
    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph):
        """What :meth:`forward` gives, for states near the origin and a graph ``(B, N, K)``."""

    def fit(self, x: Tensor, v: Tensor, following: Tensor) -> None:
        """Set what least squares gives, of networks that are ``closed_form`` or ``begins_fitted``.

        Parameters
        ----------
        x, v : Tensor, ``(n, T, N, 3)``
        following : Tensor, ``(n, P, N, 3)``
            The frames to be predicted.
        """

    def take_auxiliary_loss(self) -> Tensor | None:
        """What training adds to the loss of the last evaluation, once; None where there is none."""
        return None
