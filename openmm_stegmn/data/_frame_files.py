"""Files of frames that memory is mapped to, one for all processes of a machine."""

import contextlib
import hashlib
import mmap
import os
import shutil
import socket
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ._stored_frames import StoredFrames, n_bytes

# What a shared file ends with, after the intervals: it is whole.
_WHOLE = b"stegmn-2"
# Bytes of an interval and its error
_PAIR = 2 * 8
# Seconds between two looks at a file that another process writes
_LOOK_AGAIN = 0.1


def store_frames(
    write: Callable, counts, n_atoms: int, folder: str | Path | None = None,
    key: str | None = None,
) -> tuple[list[StoredFrames], list[tuple[float, float]]]:  # fmt: skip
    """Frames of some trajectories, in a file that memory is mapped to.

    Without a key the file has no name: its disk is free when the process ends, whatever ends it.
    With one it is shared: the first process of this machine that asks for it writes it, others
    wait and map the same; the last one that ends deletes it. (All of them killed, it is left, and
    taken up by whoever asks next.)

    Parameters
    ----------
    write : callable
        Writes all frames, single precision and one trajectory after the other, into the binary file
        that it is given, and returns of each the interval between frames and its error, ps.
    counts : sequence of int
        Frames of each.
    n_atoms : int
    folder : path, optional
        On the disk that holds the file; by default where temporary files are.
    key : str, optional
        Of what is in the file: another content, another key.

    Returns
    -------
    list of StoredFrames, list of tuple of float
        Of each trajectory.

    Raises
    ------
    OSError
        If the disk has no room, or, with a key, its file system cannot lock files.
    """
    size = n_bytes(sum(counts), n_atoms)
    folder = Path(tempfile.gettempdir() if folder is None else folder)
    if key is None:
        _check_room(folder, size)
        with tempfile.TemporaryFile(dir=folder) as file:
            intervals = _written(write, file, folder, size)
            return _pieces(_mapped(file, size), counts, n_atoms), intervals
    host = hashlib.sha256(f"{socket.gethostname()} {key}".encode()).hexdigest()[:16]
    path = folder / f"frames-{host}.stegmn"
    whole = size + _PAIR * len(counts) + len(_WHOLE)
    with _locked(path, whole) as file:
        if not _is_whole(file, whole):
            try:
                _check_room(folder, size)
                file.truncate(0)
                file.seek(0)
                intervals = _written(write, file, folder, size)
                file.write(np.array(intervals, np.float64).tobytes())
                file.flush()
                os.fsync(file.fileno())
                file.write(_WHOLE)
                file.flush()
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        _lock(file, exclusive=False)
        file.seek(size)
        intervals = np.frombuffer(file.read(_PAIR * len(counts))).reshape(-1, 2)
        mapping = _mapped(file, size)
        # The lock lasts as long as a copy of the descriptor is open.
        weakref.finalize(mapping, _delete_if_last, os.dup(file.fileno()), path)
    return _pieces(mapping, counts, n_atoms), list(map(tuple, intervals.tolist()))


def _check_room(folder, size):
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(
            f"{folder}: frames take {size / 1e9:.3g} GB there and the disk has {free / 1e9:.3g} GB "
            f"left; free some, choose another disk for the model, or let frames take more memory"
        )


def _written(write, file, folder, size):
    try:
        intervals = write(file)
        file.flush()
    except OSError as error:
        raise OSError(
            f"{folder}: frames of {size / 1e9:.3g} GB cannot be written there ({error})"
        ) from error
    return intervals


def _mapped(file, size):
    return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)


def _pieces(mapping, counts, n_atoms):
    frames = np.frombuffer(mapping, np.float32).reshape(-1, n_atoms, 3)
    ends = np.cumsum(counts)
    return [StoredFrames([frames[end - n : end]]) for end, n in zip(ends, counts, strict=True)]


def _is_whole(file, whole):
    if file.seek(0, os.SEEK_END) != whole:
        return False
    file.seek(whole - len(_WHOLE))
    return file.read() == _WHOLE


@contextlib.contextmanager
def _locked(path, whole) -> Iterator:
    """The file, open and locked: alone, or with others who have found it whole."""
    while True:
        with open(path, "ab") as _:
            pass
        with open(path, "r+b") as file:
            alone = _lock(file, exclusive=True)
            if alone or (_lock(file, exclusive=False) and _is_whole(file, whole)):
                # The last of others may have deleted it meanwhile.
                if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    yield file
                    return
        time.sleep(_LOOK_AGAIN)


def _lock(file, *, exclusive) -> bool:
    """Lock an open file, or say that others hold it."""
    import fcntl  # where there is none, nothing is shared

    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _delete_if_last(descriptor, path):
    with contextlib.suppress(OSError), open(descriptor, "rb") as file:
        if _lock(file, exclusive=True):
            path.unlink()
