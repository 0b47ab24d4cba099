"""A trajectory whose writing is cut off, at every single write to the disk."""

import contextlib
import errno
import itertools
import shutil

import h5py
import numpy as np
import pytest

from openmm_stegmn.simulation import _journal
from openmm_stegmn.simulation._h5md import H5MDFile

N_ATOMS = 5


class Cut(BaseException):
    """The process ends here."""


class Disk:
    """Stands for `_write_all`: the n-th write stops after `part` of it with `error`, and no other
    follows."""

    def __init__(self, writes, error, part=0.5):
        self.left, self.error, self.part = writes, error, part

    def __call__(self, file, data):
        self.left -= 1
        if self.left < 0:
            if self.left == -1:
                file.write(data[: int(self.part * len(data))])
            raise self.error
        file.write(data)


def append(file, frame):
    shape = (N_ATOMS, 3)
    file.append(
        step=frame, time=float(frame), box=np.eye(3) * (1 + frame), origin=0, accepted=-1,
        energy_change=0.5, constraint_error=0.0, jump_kind=2, position=np.full(shape, frame),
        velocity=np.full(shape, -frame),
    )  # fmt: skip


def new(path, frames=0):
    file = H5MDFile(path, "w")
    file.create(N_ATOMS, True, {"seed": 1})
    for frame in range(frames):
        append(file, frame)
    return file


def frames_of(path):
    """Number of frames that stock h5py reads; all of them must be what was written."""
    with h5py.File(path) as file:
        positions = file["particles/trajectory/position/value"][()]
        for name in ("position/value", "velocity/value", "position/step", "position/time"):
            values = np.abs(file[f"particles/trajectory/{name}"][()])
            assert len(values) == len(positions)
            assert (values.T == np.arange(len(positions))).all()
    return len(positions)


def die(file):
    """What the end of a process does: the descriptors go, HDF5 writes nothing more."""
    file._disk._file.close()
    file._disk._journal.close()
    file._disk._broken, file._disk._opened = True, False
    with contextlib.suppress(Exception):
        file._file.close()


@pytest.fixture(params=[0, 256])
def begun(request, tmp_path):
    """A file with frames, and their number; the next after 256 is in new nodes of HDF5's trees."""
    new(tmp_path / "begun.h5md", request.param).close()
    return tmp_path / "begun.h5md", request.param


@pytest.mark.parametrize("part", [0, 0.5])
def test_killed_at_every_write(begun, part, tmp_path, monkeypatch):
    """Nothing of before is lost, and the file can be gone on with; between writes, read too."""
    path, before = tmp_path / "cut.h5md", begun[1]
    for writes in itertools.count():
        shutil.copy(begun[0], path)
        file = H5MDFile(path, "r+")
        monkeypatch.setattr(_journal, "_write_all", Disk(writes, Cut(), part))
        try:
            append(file, before)
        except Cut:
            pass
        else:
            break
        finally:
            monkeypatch.undo()
            die(file)
        if part == 0:
            assert frames_of(path) in (before, before + 1)
        again = H5MDFile(path, "r+")
        assert again.n_frames in (before, before + 1)
        again.truncate(before - 1)
        for frame in range(before, before + 3):
            append(again, frame)
        again.close()
        assert frames_of(path) == before + 3
    assert writes > 3


def test_full_at_every_write_that_takes_space(begun, tmp_path, monkeypatch):
    """The file stays as it was, whatever is written and closed later."""
    path, before = tmp_path / "full.h5md", begun[1]
    for writes in itertools.count():
        shutil.copy(begun[0], path)
        file = H5MDFile(path, "r+")
        monkeypatch.setattr(_journal, "_write_all", Disk(writes, OSError(errno.ENOSPC, "full")))
        with pytest.raises(OSError, match="full"):
            append(file, before)
        monkeypatch.undo()
        if not file._disk._broken:  # the write was of what was there before
            file.close()
            break
        append(file, before)
        file.close()
        assert frames_of(path) == before
    assert writes > 1


def test_second_writer_is_refused(tmp_path):
    path = tmp_path / "one.h5md"
    file = new(path, 2)
    for mode in ("r+", "w"):
        with pytest.raises(BlockingIOError, match=r"Another reporter, .*one\.h5md open: close"):
            H5MDFile(path, mode)
    assert frames_of(path) == 2  # which may be read meanwhile
    file.close()
    assert [one.name for one in tmp_path.iterdir()] == ["one.h5md"]


@pytest.mark.parametrize("part", [0, 0.5])
def test_old_file_is_there_until_a_new_one_is_laid_out(part, tmp_path, monkeypatch):
    """Whether the disk is full or the process is killed; and a link still leads to it."""
    path, link = tmp_path / "one.h5md", tmp_path / "link.h5md"
    new(path, 2).close()
    link.symlink_to(path)
    for error in (OSError(errno.ENOSPC, "full"), Cut()):
        for writes in itertools.count():
            file = H5MDFile(link, "w")
            monkeypatch.setattr(_journal, "_write_all", Disk(writes, error, part))
            try:
                file.create(N_ATOMS, True, {"seed": 1})
            except (OSError, Cut):
                assert frames_of(path) == 2
            else:
                break
            finally:
                monkeypatch.undo()
                die(file) if isinstance(error, Cut) else file.close()
        assert writes > 3 and frames_of(path) == 0
        new(link, 2).close()
    assert link.is_symlink() and frames_of(path) == 2
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link.h5md", "one.h5md"]


def test_new_file_that_cannot_be_begun_is_none(tmp_path, monkeypatch):
    path = tmp_path / "one.h5md"
    file = H5MDFile(path, "w-")
    monkeypatch.setattr(_journal, "_write_all", Disk(1, OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        file.create(N_ATOMS, True, {"seed": 1})
    monkeypatch.undo()
    file.discard()
    assert not list(tmp_path.iterdir())
    new(path, 1).close()
    with pytest.raises(FileExistsError, match="one.h5md"):
        H5MDFile(path, "w-")
    assert [one.name for one in tmp_path.iterdir()] == ["one.h5md"]


def test_old_file_is_whole_before_a_new_one_is_begun(begun):
    """Its journal, which a killed process left, is the new one's from then on."""
    path, before = begun
    file = H5MDFile(path, "r+")
    apply = file._disk._apply

    def killed_behind_the_journal(changes):
        if file._disk._journal.tell():
            raise Cut
        apply(changes)

    file._disk._apply = killed_behind_the_journal
    with pytest.raises(Cut):
        append(file, before)
    die(file)
    H5MDFile(path, "w").discard()
    assert frames_of(path) == before + 1
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_file_that_another_one_took_the_place_of_meanwhile(tmp_path, monkeypatch):
    """Between the call and the lock: it is the new file that is gone on with."""
    path, lock = tmp_path / "one.h5md", _journal.fcntl.flock
    new(path, 2).close()

    def late(*arguments):
        monkeypatch.undo()
        new(path, 5).close()
        lock(*arguments)

    monkeypatch.setattr(_journal.fcntl, "flock", late)
    second = H5MDFile(path, "r+")
    assert second.n_frames == 5
    second.close()


def test_a_writer_that_ends_meanwhile_lets_one_in(tmp_path, monkeypatch):
    """Between the opening of its journal and the lock on it, which is of a deleted file then."""
    path, lock = tmp_path / "one.h5md", _journal.fcntl.flock
    first = new(path, 2)

    def late(*arguments):
        monkeypatch.undo()
        first.close()
        lock(*arguments)

    monkeypatch.setattr(_journal.fcntl, "flock", late)
    second = H5MDFile(path, "r+")
    with pytest.raises(BlockingIOError):
        H5MDFile(path, "r+")
    append(second, 2)
    second.close()
    assert frames_of(path) == 3
    assert [one.name for one in tmp_path.iterdir()] == ["one.h5md"]
