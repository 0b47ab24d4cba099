"""Where windows start, by number."""

import torch
from torch import Tensor


class EveryStart:
    """First frames of all windows that lie within one of some trajectories each.

    Stands where a Tensor ``(n_windows,)`` of them does, and takes no memory for each.

    Parameters
    ----------
    lengths : sequence of int
        Frames of the trajectories, which are numbered through.
    reach : int
        Frames from the first of a window to its target.
    """

    def __init__(self, lengths, reach: int):
        counts = torch.tensor([max(0, length - reach) for length in lengths])
        self._ends = counts.cumsum(0)
        #: First frame of a trajectory, less the number of its first window
        self._shift = torch.tensor(lengths).cumsum(0) - torch.tensor(lengths)
        self._shift -= self._ends - counts

    @property
    def device(self) -> torch.device:
        """Where numbers are."""
        return self._ends.device

    def __len__(self):
        return int(self._ends[-1])

    def __iter__(self):
        return iter(self[:])

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """First frames of the windows of some numbers."""
        if isinstance(index, slice):
            index = torch.arange(*index.indices(len(self)), device=self.device)
        return index + self._shift[torch.searchsorted(self._ends, index, right=True)]

    def to(self, device) -> "EveryStart":
        """The same, for numbers that are on a device."""
        moved = object.__new__(EveryStart)
        moved._ends, moved._shift = self._ends.to(device), self._shift.to(device)
        return moved
