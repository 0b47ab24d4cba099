"""Frames that are too many for a device, or for memory."""

import mmap

import numpy as np
import torch
from torch import Tensor

# Bytes of pages that are read from a mapped file before the system is told that they need not
# stay, and bytes about a frame that it maps beside it
_RELEASED_AFTER, _AROUND = 200_000_000, 65_536


class StoredFrames:
    """Frames that stay in a file, or in the memory of the host; only those asked for are copied.

    Stands where a Tensor ``(n_frames, n_atoms, 3)`` does. Pages of a mapped file that were read
    are given back again and again: they count as memory of the process although they are the
    system's, and would add up to the whole file.

    Parameters
    ----------
    pieces : sequence of ndarray, ``(n_frames, n_atoms, 3)``
        Float32, such as memory-mapped files; frames are numbered through.
    """

    device = torch.device("cpu")

    def __init__(self, pieces):
        self.pieces = list(pieces)
        self._ends = np.cumsum([len(piece) for piece in self.pieces])
        mappings = {id(found): found for found in map(_mapping, self.pieces) if found is not None}
        self._mappings, self._mapped = list(mappings.values()), 0

    def __len__(self):
        return int(self._ends[-1])

    @property
    def shape(self) -> torch.Size:
        """``(n_frames, n_atoms, 3)``."""
        return torch.Size((len(self), *self.pieces[0].shape[1:]))

    def __getitem__(self, index):
        """Copy frames of numbers ``(...)``, on their device, or a slice with steps.

        A slice without steps is no copy, but another StoredFrames.
        """
        if isinstance(index, slice):
            first, last, step = index.indices(len(self))
            if step == 1:
                return StoredFrames(self._between(first, max(first, last)))
            index = torch.arange(first, last, step)
        numbers = index.cpu().numpy().reshape(-1)
        found = np.empty((len(numbers), *self.shape[1:]), np.float32)
        of = np.searchsorted(self._ends, numbers, side="right")
        for number, piece in enumerate(self.pieces):
            here = of == number
            found[here] = piece[numbers[here] - (self._ends[number] - len(piece))]
        self._release(found.nbytes + _AROUND * len(numbers))
        return torch.from_numpy(found).to(index.device).reshape(*index.shape, *self.shape[1:])

    def split(self, size: int):
        """Copies of so many frames at a time, one after the other."""
        return (
            self[torch.arange(first, min(first + size, len(self)))]
            for first in range(0, len(self), size)
        )

    def to(self, device) -> "StoredFrames":
        """Itself: frames are copied when they are asked for."""
        return self

    @staticmethod
    def join(parts) -> "StoredFrames":
        """One after the other, without copying.

        Parameters
        ----------
        parts : sequence of StoredFrames or Tensor
        """
        pieces = []
        for part in parts:
            pieces += part.pieces if isinstance(part, StoredFrames) else [part.numpy()]
        return StoredFrames(pieces)

    def _release(self, mapped):
        self._mapped += mapped
        if self._mapped > _RELEASED_AFTER:
            self._mapped = 0
            for mapping in self._mappings:
                if hasattr(mmap, "MADV_DONTNEED"):
                    mapping.madvise(mmap.MADV_DONTNEED)

    def _between(self, first, last):
        starts = self._ends - [len(piece) for piece in self.pieces]
        parts = [
            piece[max(0, first - start) : max(0, last - start)]
            for piece, start in zip(self.pieces, starts, strict=True)
        ]
        return [part for part in parts if len(part)] or [self.pieces[0][:0]]


def _mapping(array):
    """The mapped file that an array lies in, or None."""
    while isinstance(array, np.ndarray):
        array = array.base
    if isinstance(array, memoryview):
        array = array.obj
    return array if isinstance(array, mmap.mmap) else None


def n_bytes(n_frames: int, n_atoms: int) -> int:
    """Size of frames in single precision."""
    return n_frames * n_atoms * 3 * np.dtype(np.float32).itemsize


def fit_on(frames: Tensor, device) -> bool:
    """Whether frames may lie on a device: on a GPU they take at most half of what is free."""
    device = torch.device(device)
    if device.type != "cuda":
        return True
    return 2 * frames.nbytes <= torch.cuda.mem_get_info(device)[0]
