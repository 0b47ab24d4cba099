"""Virtual sites: particles without mass whose places follow from those of others."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class AverageSite:
    r"""A weighted mean of two or three atoms, and a step out of their plane.

    :math:`x = Σ w_k x_k + c\,(x_2 − x_1) × (x_3 − x_1)`: OpenMM's ``TwoParticleAverageSite``,
    ``ThreeParticleAverageSite`` and ``OutOfPlaneSite``.

    Attributes
    ----------
    parents : tuple of int
        Two or three.
    weights : tuple of float
        As many; their sum is 1.
    cross : float
        1/Å.
    """

    parents: tuple
    weights: tuple
    cross: float = 0.0


@dataclass(frozen=True)
class LocalFrameSite:
    """A fixed point in a frame of axes that atoms span: OpenMM's ``LocalCoordinatesSite``.

    Attributes
    ----------
    parents : tuple of int
    origin, x, y : tuple of float
        Weights of the parents: of the origin (sum 1), and of two directions (sum 0). The first is
        the x axis; z is perpendicular to both.
    position : tuple of float
        In that frame, Å.
    """

    parents: tuple
    origin: tuple
    x: tuple
    y: tuple
    position: tuple


class VirtualSites(nn.Module):
    """Puts virtual sites where their parents say.

    Parameters
    ----------
    sites : dict
        ``{atom: AverageSite or LocalFrameSite}``
    """

    def __init__(self, sites):
        super().__init__()
        means = {a: site for a, site in sites.items() if isinstance(site, AverageSite)}
        frames = {a: site for a, site in sites.items() if isinstance(site, LocalFrameSite)}
        self._has_means, self._has_frames = bool(means), bool(frames)
        self._keep("mean_sites", list(means))
        # Two parents: the first once more, with weight 0 (and a cross product that is 0)
        parents = [(*site.parents, site.parents[0])[:3] for site in means.values()]
        self._keep("mean_parents", parents)
        weights = [(*site.weights, 0.0)[:3] for site in means.values()]
        self._keep("mean_weights", weights, float)
        self._keep("cross", [site.cross for site in means.values()], float)
        self._keep("frame_sites", list(frames))
        most = max((len(site.parents) for site in frames.values()), default=0)
        filled = lambda values, filler: [*values] + [filler] * (most - len(values))  # noqa: E731
        self._keep("frame_parents", [filled(s.parents, s.parents[0]) for s in frames.values()])
        rows = [[filled(w, 0.0) for w in (s.origin, s.x, s.y)] for s in frames.values()]
        self._keep("frame_weights", rows, float)
        self._keep("position", [site.position for site in frames.values()], float)

    def _keep(self, name, values, kind=int):
        dtype = torch.long if kind is int else torch.float64
        self.register_buffer(name, torch.tensor(values, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Positions ``(..., n_atoms, 3)`` (Å, float64) with the sites where they belong."""
        if self._has_means:
            parents = x[..., self.mean_parents, :]
            first, second, third = parents.unbind(-2)
            out = torch.linalg.cross(second - first, third - first)
            places = (self.mean_weights[..., None] * parents).sum(-2) + self.cross[:, None] * out
            x = x.index_copy(-2, self.mean_sites, places)
        if self._has_frames:
            origin, along, across = (self.frame_weights @ x[..., self.frame_parents, :]).unbind(-2)
            first = along / torch.linalg.vector_norm(along, dim=-1, keepdim=True)
            third = torch.linalg.cross(along, across)
            third = third / torch.linalg.vector_norm(third, dim=-1, keepdim=True)
            axes = torch.stack([first, torch.linalg.cross(third, first), third], -1)
            places = origin + (axes @ self.position[..., None]).squeeze(-1)
            x = x.index_copy(-2, self.frame_sites, places)
        return x
