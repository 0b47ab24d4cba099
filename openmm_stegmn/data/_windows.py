"""Windows of frames: what models are trained and measured on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..mechanics import superpose
from ._starts import EveryStart
from ._stored_frames import StoredFrames, fit_on


@dataclass(frozen=True)
class WindowSet:
    """Windows of T frames and the frame that follows each, read from one array of frames.

    Parameters
    ----------
    frames : Tensor or StoredFrames, ``(n_frames, n_atoms, 3)``
        Å, evenly spaced in time; several trajectories one after the other.
    starts : Tensor or EveryStart, ``(n_windows,)``
        First frame of each window.
    history : int
        T.
    stride : int
        Frames of the array between two frames of a window.
    """

    frames: Tensor | StoredFrames
    starts: Tensor | EveryStart
    history: int
    stride: int = 1

    @classmethod
    def from_trajectories(cls, trajectories, history, stride=1):
        """All windows that lie within one trajectory each.

        Parameters
        ----------
        trajectories : sequence of Tensor or StoredFrames, ``(n_frames, n_atoms, 3)``
            The latter are not copied, and were found to be finite when they were read.
        history, stride : int

        Raises
        ------
        ValueError
            If no trajectory is long enough for one window and its target, a coordinate is not
            finite, or the trajectories are of different numbers of atoms.
        """
        if history < 1 or stride < 1:
            raise ValueError(f"history and stride must be at least 1, got {history} and {stride}")
        reach = history * stride
        for number, trajectory in enumerate(trajectories):
            stored = isinstance(trajectory, StoredFrames)
            if not stored and not torch.isfinite(trajectory).all():
                bad = int(torch.nonzero(~torch.isfinite(trajectory).all(-1).all(-1))[0])
                raise ValueError(
                    f"trajectory {number} has a coordinate that is not finite in frame {bad}"
                )
            if trajectory.shape[1:] != trajectories[0].shape[1:]:
                raise ValueError(
                    f"trajectory {number} has {trajectory.shape[1]} atoms, the first has "
                    f"{trajectories[0].shape[1]}"
                )
        lengths = [len(trajectory) for trajectory in trajectories]
        longest = max(lengths, default=0)
        if longest <= reach:
            raise ValueError(
                f"a window of {history} frames and its target, {stride} frames apart, need "
                f"{reach + 1} frames; the longest trajectory has {longest}"
            )
        stored = any(isinstance(trajectory, StoredFrames) for trajectory in trajectories)
        join = StoredFrames.join if stored else torch.cat
        return cls(join(list(trajectories)), EveryStart(lengths, reach), history, stride)

    def __len__(self):
        return len(self.starts)

    def take(self, index: Tensor):
        """Windows ``(n, T, n_atoms, 3)`` and targets ``(n, n_atoms, 3)`` of the given numbers."""
        stretches = self.take_stretches(index)
        return stretches[:, :-1], stretches[:, -1]

    def take_stretches(self, index: Tensor) -> Tensor:
        """The same as one, ``(n, T + 1, n_atoms, 3)``: for models that split it in another way.

        One that reads fewer frames than T may be trained on several that follow.
        """
        steps = torch.arange(self.history + 1, device=self.starts.device) * self.stride
        return self.frames[self.starts[index][:, None] + steps]

    def at_most(self, count: int, atoms: int) -> int:
        """Windows that are at most ``count``, and hold about ``atoms`` atoms in all their frames.

        Of large molecules fewer windows fit in memory; one always does.
        """
        return min(count, atoms // (self.history * self.frames.shape[1]) + 1)

    def subset(self, count: int, generator: torch.Generator | None = None) -> "WindowSet":
        """At most ``count`` windows: drawn with a generator, else evenly spaced over the whole."""
        if count >= len(self):
            return self
        if generator is None:
            keep = torch.linspace(0, len(self) - 1, count, dtype=torch.float64).round().long()
        else:
            keep = torch.randperm(len(self), generator=generator)[:count].sort().values
        return WindowSet(
            self.frames, self.starts[keep.to(self.starts.device)], self.history, self.stride
        )

    def to(self, device) -> "WindowSet":
        """Give windows on a device: frames are copied there if they fit, else when taken."""
        fit = isinstance(self.frames, StoredFrames) or fit_on(self.frames, device)
        frames = self.frames.to(device) if fit else StoredFrames.join([self.frames.cpu()])
        return WindowSet(frames, self.starts.to(device), self.history, self.stride)

    def __deepcopy__(self, memo):
        # Nothing in it changes. Averaging of weights copies everything that a task holds.
        return self


def superpose_windows(windows: Tensor, targets: Tensor, weights: Tensor):
    """Superpose every frame of a window, and what follows it, on the window's last frame.

    Parameters
    ----------
    windows : Tensor, ``(n, T, n_atoms, 3)``
    targets : Tensor, ``(n, n_atoms, 3)`` or ``(n, P, n_atoms, 3)``
        The next frame, or P of them.
    weights : Tensor, ``(n_atoms,)``
        Masses, or a selection.
    """
    last = windows[:, -1:]
    following = targets.reshape(len(targets), -1, *last.shape[2:])
    moved = superpose(torch.cat([windows, following], 1), last, weights.to(windows))
    history = windows.shape[1]
    return moved[:, :history], moved[:, history:].reshape(targets.shape)
