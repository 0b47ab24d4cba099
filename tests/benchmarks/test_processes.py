"""Processes: their devices, what comes back from them, and how they end."""

import multiprocessing
import pickle

import pytest
import torch
from small_jobs import fail_oddly, kill_this_process, refuse_first

from openmm_stegmn.benchmarks import _processes
from openmm_stegmn.benchmarks._array_files import make_files
from openmm_stegmn.benchmarks._processes import device_of, visible_devices


def test_devices_are_taken_in_turn():
    assert [device_of(n, ["2", "5", "7"]) for n in range(5)] == ["2", "5", "7", "2", "5"]
    assert device_of(3, []) is None


@pytest.mark.parametrize(
    ("count", "variable", "found"),
    [
        (0, None, []),
        (3, None, ["0", "1", "2"]),
        (2, "3,1", ["3", "1"]),
        # CUDA stops at the first that is not there
        (1, "GPU-8c2e,9", ["GPU-8c2e"]),
        (0, "", []),
    ],
)
def test_visible_devices(count, variable, found, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert visible_devices() == found


def test_an_error_that_does_not_survive_the_journey():
    """Its traceback does."""
    pickled = pickle.dumps((fail_oddly, "a mistake"))
    with pytest.raises(RuntimeError, match="in fail_oddly(.|\n)*OddError: a mistake in a process"):
        _processes._call(pickled)


@pytest.mark.parametrize(
    ("make", "found"),
    [(kill_this_process, "ended from outside.*first.npz"), (refuse_first, "too few")],
)
def test_files_that_cannot_be_made_end_all(tmp_path, make, found):
    files = {tmp_path / name: {"number": n} for n, name in enumerate(("first.npz", "second.npz"))}
    before = set(multiprocessing.active_children())
    with pytest.raises((RuntimeError, ValueError), match=found):
        make_files("files", files, make, processes=2)
    assert set(multiprocessing.active_children()) <= before
