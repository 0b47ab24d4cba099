"""One file of frames for all processes of a machine, whatever becomes of them."""

import gc
import multiprocessing
import os

import pytest
import torch
from short_runs import molecule, short_runs
from trajectory_files import write_trajectory

from openmm_stegmn.data import StoredFrames, _frame_files, _trajectories, read_trajectories


@pytest.fixture
def folder(tmp_path):
    for name, run in zip(("a.trr", "b.trr"), short_runs(), strict=False):
        write_trajectory(tmp_path / name, run.frames)
    (tmp_path / "scratch").mkdir()
    return tmp_path


class Process:
    """Reads the trajectories, says how many it read itself, and ends when it is told to."""

    def __init__(self, folder):
        context = multiprocessing.get_context("fork")
        self.end, other = context.Pipe()
        self.process = context.Process(target=self._run, args=(folder, other))
        self.process.start()

    @staticmethod
    def _run(folder, end):
        count, real = [], _trajectories._read

        def counted(*each):
            count.append(1)
            return real(*each)

        _trajectories._read = counted
        found = read(folder)
        last = found[1].frames[torch.tensor([59])].sum().item()
        end.send((len(count), [each.interval for each in found], last))
        end.recv()
        del found  # this kind of process calls nothing at its exit

    def said(self):
        assert self.end.poll(30)
        return self.end.recv()

    def stop(self):
        self.end.send("stop")
        self.process.join()
        assert self.process.exitcode == 0

    def kill(self):
        self.process.kill()
        self.process.join()


def files(folder):
    return list((folder / "scratch").iterdir())


def read(folder, **options):
    return read_trajectories(
        [folder / "a.trr", folder / "b.trr"], molecule().topology, memory=0,
        scratch=folder / "scratch", processes=2, **options,
    )  # fmt: skip


def test_processes_share_a_file_which_the_last_deletes(folder):
    processes = [Process(folder) for _ in range(3)]
    said = [process.said() for process in processes]
    # One reads both trajectories, the others none; all have the same.
    assert sorted(each[0] for each in said) == [0, 0, 2]
    last = short_runs()[1].frames[-1].sum().item()
    for each in said:
        assert each[1] == [0.02, 0.02] and each[2] == pytest.approx(last, abs=1e-2)
    for process in processes:
        assert len(files(folder)) == 1
        process.stop()
    assert not files(folder)


def test_what_killed_processes_leave_is_taken_up(folder):
    first = Process(folder)
    assert first.said()[0] == 2
    first.kill()
    (left,) = files(folder)
    second = Process(folder)
    assert second.said()[0] == 0
    second.stop()
    assert not files(folder)
    # One that was killed while it wrote is written again.
    left.write_bytes(b"x" * 1000)
    third = Process(folder)
    assert third.said()[0] == 2
    third.stop()
    assert not files(folder)


def test_frames_are_those_of_one_process(folder):
    shared = read(folder)
    for found, expected in zip(shared, short_runs(), strict=False):
        assert isinstance(found.frames, StoredFrames) and found.interval == 0.02
        torch.testing.assert_close(found.frames[torch.arange(60)], expected.frames)
    # The same atoms at another time are not the same file.
    os.utime(folder / "a.trr", (1, 1))
    other = read(folder)
    assert len(files(folder)) == 2
    del shared, other, found
    gc.collect()
    assert not files(folder)


def test_bad_frames_leave_nothing(folder):
    frames = short_runs()[1].frames.clone()
    frames[5, 2, 1] = float("nan")
    write_trajectory(folder / "b.trr", frames)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"b.trr: frame 5 has a coordinate"):
            read(folder)
        assert not files(folder)


def test_a_disk_without_room(folder, monkeypatch):
    monkeypatch.setattr(_frame_files.shutil, "disk_usage", lambda _: type("", (), {"free": 1000}))
    with pytest.raises(OSError, match=r"scratch: frames take 3.17e-05 GB .* 1e-06 GB left; free"):
        read(folder)
    assert not files(folder)


def test_memory_of_all_processes_counts(folder):
    size = 2 * 60 * 22 * 12 / 1e9
    paths = [folder / "a.trr", folder / "b.trr"]
    for memory, kind in ((2 * size, torch.Tensor), (1.9 * size, StoredFrames)):
        for each in read_trajectories(
            paths, molecule().topology, memory=memory, scratch=folder, processes=2
        ):
            assert isinstance(each.frames, kind)
