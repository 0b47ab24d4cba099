"""Frames in files: the same windows as from memory, and no memory for what is not asked for."""

import copy
import ctypes
import gc
import sys

import numpy as np
import pytest
import torch
from short_runs import molecule, short_runs
from trajectory_files import write_trajectory

from openmm_stegmn.data import StoredFrames, Trajectory, WindowSet, hold_out, read_trajectories
from openmm_stegmn.data._frame_files import store_frames


def pieces():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 2, 3, generator=generator) for n in (7, 1, 12)]


def stored(frames):
    return StoredFrames([frames.numpy()])


@pytest.mark.parametrize(
    "index",
    [
        torch.tensor([0, 19, 7, 7]), torch.tensor([[6, 8], [3, 19]]), slice(None, None, 3),
        slice(2, 15, 4), torch.tensor([], dtype=torch.long),
    ],
)  # fmt: skip
def test_it_is_indexed_as_a_tensor_is(index):
    found = StoredFrames.join([stored(piece) for piece in pieces()])[index]
    assert torch.equal(found, torch.cat(pieces())[index])


@pytest.mark.parametrize(("first", "last"), [(0, 20), (3, 8), (7, 8), (5, 5), (0, 7), (9, 40)])
def test_slices_are_no_copies(first, last):
    frames = StoredFrames.join([stored(piece) for piece in pieces()])
    part, expected = frames[first:last], torch.cat(pieces())[first:last]
    assert isinstance(part, StoredFrames) and part.shape == expected.shape
    assert torch.equal(part[torch.arange(len(part))], expected)
    if len(part):
        frames.pieces[0][:] = frames.pieces[1][:] = frames.pieces[2][:] = 5.0
        assert (part[torch.arange(len(part))] == 5).all()
        assert torch.cat(list(part.split(3))).shape == expected.shape


@pytest.mark.parametrize("count", [1, 2, 3])
def test_windows_are_those_from_memory(count):
    runs = short_runs()[:count]
    kept = [Trajectory(stored(run.frames), run.interval, run.source) for run in runs]
    held, expected = hold_out(kept, 2), hold_out(runs, 2)
    for part, windows in held.items():
        assert isinstance(windows.frames, StoredFrames)
        for found, other in zip(
            windows.take(slice(None)), expected[part].take(slice(None)), strict=True
        ):
            assert torch.equal(found, other)
        assert torch.equal(windows.frames[::2], expected[part].frames[::2])


def test_averaging_weights_does_not_copy_frames():
    windows = WindowSet.from_trajectories([stored(pieces()[2])], 2)
    assert copy.deepcopy(windows) is windows


def test_reading(tmp_path):
    """What takes more than it may is stored, in a file without a name."""
    paths = [
        write_trajectory(tmp_path / name, run.frames)
        for name, run in zip(("a.xtc", "b.dcd"), short_runs(), strict=False)
    ]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    size = 2 * 60 * 22 * 12 / 1e9
    inside = read_trajectories(paths, molecule().topology, memory=size)
    kept = read_trajectories(paths, molecule().topology, memory=0.99 * size, scratch=scratch)
    assert not list(scratch.iterdir())
    for one, other in zip(inside, kept, strict=True):
        assert isinstance(one.frames, torch.Tensor) and isinstance(other.frames, StoredFrames)
        assert torch.equal(one.frames, other.frames[torch.arange(60)])
        assert (one.interval, one.source) == (other.interval, other.source)


def resident(kind):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) * 1024


def mapped_windows(size, folder):
    """Windows of 100 atoms, all 1 Å from the origin in x, y and z, in a file of so many bytes."""
    part = np.ones((1000, 100, 3), np.float32)

    def write(file):
        for _ in range(size // part.nbytes):
            file.write(part)
        return [1.0]

    frames, intervals = store_frames(write, [size // part.nbytes * 1000], 100, folder)
    assert intervals == [1.0] and not list(folder.iterdir())
    return WindowSet.from_trajectories(frames, 4)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_pages_of_the_file_are_given_back(tmp_path):
    """They would add up to the whole file."""
    size = 400_000_000
    windows, before, most = mapped_windows(size, tmp_path), resident("RssFile"), 0
    spread = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))[:20_000]
    for index in spread.split(500):
        assert (windows.take(index)[1] == 1).all()
        most = max(most, resident("RssFile") - before)
    assert most < size * 0.7


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_not_taken(tmp_path):
    # what was freed and kept would be taken again without being seen
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: None)

    def own():
        gc.collect()
        give_back(0)
        return resident("RssAnon")

    before, size = own(), 200_000_000
    windows = mapped_windows(size, tmp_path)
    windows.take(torch.arange(0, len(windows), 1000))
    assert own() - before < size / 10
    # ... as it would be by a tensor
    held = torch.ones(size // 4)
    assert own() - before > size / 2 and len(held)
