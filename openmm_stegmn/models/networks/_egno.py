"""EGNO: the equivariant graph neural operator."""

import torch
from torch import Tensor, nn

from ..layers import (
    Edges,
    EGNNLayer,
    ParticleGraph,
    ScalarConvolution,
    VectorConvolution,
    fourier_basis,
    time_embedding,
)
from ._interface import StateNetwork, state_network

DISCRETISATIONS = ("uniform", "last")


class TemporalConvolution(nn.Module):
    r"""What EGNO puts before each layer: convolutions over the frames of features and of vectors.

    .. math:: h ← h + σ(F^{-1}(M_h · F(h))), \quad Z ← Z + F^{-1}(M_Z · F(Z)),
              \quad Z = [x - \bar x, v]

    Parameters
    ----------
    hidden, modes : int
    convolved : sequence of str
        Which of ``"h"``, ``"x"``, ``"v"`` are convolved. Of x and v both, one with the other.
    vector_scale : float
        See :class:`OperatorNetwork`.
    """

    def __init__(self, hidden: int, modes: int, convolved, vector_scale: float):
        super().__init__()
        self.vectors = [name for name in ("x", "v") if name in convolved]
        self.scalar = ScalarConvolution(hidden, modes) if "h" in convolved else None
        count = len(self.vectors)
        self.vector = VectorConvolution(count, modes, vector_scale) if count else None

    def forward(self, x: Tensor, v: Tensor, h: Tensor, basis: Tensor):
        """``(B, P, N, 3)`` twice and ``(B, P, N, hidden)`` to the same, with their
        :func:`~openmm_stegmn.models.layers.fourier_basis`."""
        if self.scalar is not None:
            h = self.scalar(h, basis)
        if self.vector is not None:
            centre = x.mean(-2, keepdim=True)
            parts = {"x": x - centre, "v": v}
            vectors = torch.stack([parts[name] for name in self.vectors], -1)
            mixed = self.vector(vectors, basis)
            parts |= dict(zip(self.vectors, mixed.unbind(-1), strict=True))
            x, v = parts["x"] + centre, parts["v"]
        return x, v, h


class OperatorNetwork(StateNetwork):
    r"""States as functions of time: what EGNO and EGHNO share.

    The states that go in are repeated to P frames, told their times, and decoded together.

    ==================  ===========================================================================
    discretisation      times of the P frames, in units of the interval of the P trained ones
    ==================  ===========================================================================
    ``uniform`` (U)     the whole way to the last frame in equal steps: of P' frames decoded in
                        place of P, :math:`t_p = (p + 1) P / P' - 1`
    ``last`` (L)        the last ones, an interval apart: :math:`t_p = P - P' + p`
    ==================  ===========================================================================

    It is the data that make the difference: which frames a network is trained on. With ``frames``
    another number is decoded than it was trained for, at times between or beyond (zero shot).

    Parameters
    ----------
    node_features, edge_features, hidden, layers, horizon
        See :class:`StateNetwork`.
    history : int
        States that are read, T: 1 from a state, more from a trajectory. Then frame p starts from
        state :math:`⌊p T / P⌋`, and is told the time of that state too.
    modes : int, optional
        Modes of the convolutions, at most P/2 + 1. Default: 2, or 1 of a single frame.
    time_features : int
        Width of the embedding of times, even; 0 for none.
    convolved : sequence of str
        What is convolved in time, of ``"h"``, ``"x"``, ``"v"``: all, or fewer for ablation.
    discretisation : {"uniform", "last"}
    vector_scale : float
        Standard deviation of the initial weights of convolutions of x and v.

    References
    ----------
    Xu et al. 2024, Equivariant graph neural operator for modeling 3D dynamics.
    """

    reads_history = True

    def __init__(
        self, node_features: int, edge_features: int, *, modes: int | None = None,
        time_features: int = 32, convolved=("h", "x", "v"), discretisation: str = "uniform",
        vector_scale: float = 0.1, **sizes,
    ):  # fmt: skip
        super().__init__(node_features, edge_features, **sizes)
        modes = min(2, self.horizon) if modes is None else modes
        if not 1 <= modes <= self.horizon // 2 + 1:
            raise ValueError(
                f"modes = {modes}: {self.horizon} frames have between 1 and "
                f"{self.horizon // 2 + 1} modes"
            )
        if time_features % 2 or time_features < 0:
            raise ValueError(f"time_features must be even and not negative, got {time_features}")
        if not set(convolved) <= {"h", "x", "v"}:
            raise ValueError(f"convolved = {convolved}: expected some of h, x and v")
        if discretisation not in DISCRETISATIONS:
            raise ValueError(
                f"discretisation = {discretisation!r}; there are: {', '.join(DISCRETISATIONS)}"
            )
        if vector_scale < 0:
            raise ValueError(f"vector_scale must not be negative, got {vector_scale}")
        self.vector_scale = vector_scale
        self.time_features, self.discretisation = time_features, discretisation
        self.modes, self.convolved = modes, tuple(convolved)
        embeddings = 1 if self.history == 1 else 2
        self.embed = nn.Linear(node_features + embeddings * time_features, self.hidden)

    def convolutions(self, count: int) -> nn.ModuleList:
        """Temporal convolutions for so many layers."""
        return nn.ModuleList(
            TemporalConvolution(self.hidden, self.modes, self.convolved, self.vector_scale)
            for _ in range(count)
        )

    def times(self, frames: int) -> Tensor:
        """Of so many frames, in units of the trained ones: 0 is the first, P − 1 the last."""
        number = torch.arange(frames, device=self.embed.weight.device).to(self.embed.weight.dtype)
        if self.discretisation == "uniform":
            return (number + 1) * (self.horizon / frames) - 1
        return number + (self.horizon - frames)

    def lift(self, x: Tensor, v: Tensor, h: Tensor, frames: int | None):
        """States as functions of time: repeated, and with the embeddings of their times.

        Returns
        -------
        x, v : Tensor, ``(B, P, N, 3)``
        h : Tensor, ``(B, P, N, hidden)``
        """
        times = self.times(self.horizon if frames is None else frames)
        embeddings = [time_embedding(times, self.time_features)]
        source = torch.arange(len(times), device=x.device) * self.history // len(times)
        if self.history > 1:
            embeddings.append(time_embedding(source.to(times), self.time_features))
        told = torch.cat(embeddings, -1)[None, :, None].expand(len(h), -1, h.shape[1], -1)
        features = h.unsqueeze(1).expand(-1, len(times), -1, -1)
        return x[:, source], v[:, source], self.embed(torch.cat([features, told], -1))


@state_network("egno")
class EGNO(OperatorNetwork):
    """The equivariant graph neural operator: EGNN layers, and convolutions in time before each.

    Parameters
    ----------
    node_features, edge_features, **options
        See :class:`OperatorNetwork`.
    softening : float, optional
        See :class:`EGNN`.
    """

    def __init__(
        self, node_features: int, edge_features: int, *, softening: float | None = None, **options
    ):
        super().__init__(node_features, edge_features, **options)
        self.temporal = self.convolutions(self.n_layers)
        self.layers = nn.ModuleList(
            EGNNLayer(self.hidden, edge_features, softening) for _ in range(self.n_layers)
        )

    def predict(self, x: Tensor, v: Tensor, h: Tensor, graph: ParticleGraph, frames=None):
        """The P frames, or as many as asked for."""
        x, v, h = self.lift(x, v, h, frames)
        basis, edges = (
            fourier_basis(x.shape[1], self.modes, x),
            Edges(graph, self.relative_distances),
        )
        for temporal, layer in zip(self.temporal, self.layers, strict=True):
            x, v, h = layer(*temporal(x, v, h, basis), edges)
        return x, v
