"""Windows a block at a time: what least squares goes through."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from ._windows import WindowSet, superpose_windows

# Windows in a block, and atoms in all their frames
_SIZE, _ATOMS = 1_000, 1_000_000


class WindowBlocks:
    """Windows and targets by number, taken a block at a time and as often as they are needed.

    Iterating gives blocks of windows ``(n, T, n_atoms, 3)`` and targets ``(n, n_atoms, 3)``, or of
    several frames ``(n, P, n_atoms, 3)``, Å, in order. No more than one block is in memory.

    Parameters
    ----------
    take : callable
        Gives the windows and targets of a Tensor of numbers.
    numbers : Tensor, ``(n_windows,)``
        Which, in which order.
    size : int
        Windows in a block.
    """

    def __init__(self, take: Callable, numbers: Tensor, size: int):
        self.take, self.numbers, self.size = take, numbers, size

    @classmethod
    def of(cls, windows: Tensor, targets: Tensor, size: int = _SIZE) -> "WindowBlocks":
        """Blocks of windows and targets that are in memory."""
        return cls(
            lambda number: (windows[number], targets[number]), torch.arange(len(windows)), size
        )

    @classmethod
    def of_set(
        cls, windows: WindowSet, *, backwards: bool = False, device="cpu", split=None
    ) -> "WindowBlocks":
        """Blocks of a WindowSet, copied to a device.

        Parameters
        ----------
        windows : WindowSet
        backwards : bool
            Whether each window comes twice, the second time backwards. The two are side by side, so
            that a part of the windows is the same part in both directions.
        device : str or torch.device
        split : callable, optional
            Takes stretches ``(n, frames, n_atoms, 3)`` apart into windows and targets. Default: the
            last frame is the target.
        """
        directions = 2 if backwards else 1

        def take(number):
            stretches = windows.take_stretches(number // directions)
            if backwards:
                odd = (number % 2 == 1)[:, None, None, None]
                stretches = torch.where(odd, stretches.flip(1), stretches)
            stretches = stretches.to(device)
            return (stretches[:, :-1], stretches[:, -1]) if split is None else split(stretches)

        size = windows.at_most(_SIZE, _ATOMS)
        return cls(take, torch.arange(directions * len(windows)), size)

    def __len__(self):
        """Number of windows."""
        return len(self.numbers)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return map(self.take, self.numbers.split(self.size))

    def __getitem__(self, index) -> "WindowBlocks":
        """Some of the windows: a slice, or a Tensor of positions among them."""
        return WindowBlocks(self.take, self.numbers[index], self.size)

    def changed(self, change: Callable) -> "WindowBlocks":
        """The same windows, each block passed through a function of windows and targets."""
        return WindowBlocks(lambda number: change(*self.take(number)), self.numbers, self.size)

    def superposed(self, weights: Tensor) -> "WindowBlocks":
        """The same windows with all frames superposed on their last; see `superpose_windows`."""
        return self.changed(partial(superpose_windows, weights=weights))

    def evenly(self, count: int) -> "WindowBlocks":
        """At most so many of the windows, evenly spaced over the whole."""
        if count >= len(self):
            return self
        return self[torch.linspace(0, len(self) - 1, count, dtype=torch.float64).round().long()]

    def join(self) -> tuple[Tensor, Tensor]:
        """All windows and all targets, in memory at once."""
        windows, targets = zip(*self, strict=True)
        return torch.cat(windows), torch.cat(targets)
