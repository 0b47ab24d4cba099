"""States of particles and the frames that follow them: what state networks are trained on."""

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..models.layers import ParticleGraph

# Particles that are evaluated together, unless as many windows as training takes have more
_EVALUATED = 4000


class States(NamedTuple):
    """What goes into a :class:`~openmm_stegmn.models.networks.StateNetwork`."""

    positions: Tensor
    """``(B, T, N, 3)``"""
    velocities: Tensor
    """``(B, T, N, 3)``"""
    features: Tensor
    """Of nodes, ``(B, N, F)``."""
    graph: ParticleGraph


class Surroundings(nn.Module, ABC):
    """What networks are told of the particles of a window: features of nodes, and their graph.

    Subclasses hold what does not change as buffers, and define :meth:`forward`.
    """

    #: Features of nodes and of edges.
    node_features: int
    edge_features: int

    @abstractmethod
    def forward(self, x: Tensor, v: Tensor, window: Tensor) -> tuple[Tensor, ParticleGraph]:
        """Features ``(B, N, F)``, and the graph of the last states.

        Parameters
        ----------
        x, v : Tensor, ``(B, N, 3)``
        window : Tensor, ``(B,)``
            Numbers of the windows.
        """


@dataclass(frozen=True)
class StateWindows:
    """T states of particles and P frames after them, read from one array of frames.

    Parameters
    ----------
    frames, velocities : Tensor, ``(n_frames, N, 3)``
        Several trajectories one after the other.
    starts : Tensor, ``(n_windows,)``
        Frame of the last state of each window.
    past : Tensor, ``(T,)``
        Frames from there to each of the states: none is above zero, the last is zero.
    ahead : Tensor, ``(P,)``
        Frames from there to each of those that are predicted.
    surroundings : Surroundings
    """

    frames: Tensor
    velocities: Tensor
    starts: Tensor
    past: Tensor
    ahead: Tensor
    surroundings: Surroundings

    def __len__(self):
        return len(self.starts)

    def __deepcopy__(self, memo):
        # Nothing in it changes; callbacks of Lightning copy what a module holds.
        return self

    @property
    def horizon(self) -> int:
        """Frames that are predicted, P."""
        return len(self.ahead)

    def take(self, index: Tensor) -> tuple[States, Tensor]:
        """States of the windows of these numbers, and frames that follow, ``(B, P, N, 3)``."""
        x, v, following = self.motion(index)
        features, graph = self.surroundings(x[:, -1], v[:, -1], index)
        return States(x, v, features, graph), following

    def motion(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Positions and velocities ``(B, T, N, 3)`` without surroundings, and what follows."""
        start = self.starts[index][:, None]
        x, v = (values[start + self.past] for values in (self.frames, self.velocities))
        return x, v, self.frames[start + self.ahead]

    def evaluation_batch(self, batch_size: int) -> int:
        """Windows that are evaluated together where so many are trained on.

        Without gradients up to four times as many take no more memory, and less time where they are
        small. Large ones may: kernels that training has fused keep less than an evaluation writes.
        """
        return max(batch_size, min(4 * batch_size, _EVALUATED // self.frames.shape[1]))

    def looking(self, ahead) -> "StateWindows":
        """The same with other frames to predict."""
        return replace(self, ahead=torch.as_tensor(ahead, device=self.starts.device))

    def to(self, device) -> "StateWindows":
        """A copy on a device, for good: windows are taken there."""
        tensors = ("frames", "velocities", "starts", "past", "ahead")
        moved = {name: getattr(self, name).to(device) for name in tensors}
        # modules move in place
        return StateWindows(**moved, surroundings=copy.deepcopy(self.surroundings).to(device))
