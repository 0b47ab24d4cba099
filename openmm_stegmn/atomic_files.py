"""Files that no crash leaves half written, nor two writers at the same time."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file so that its name always holds either the old or the new content, whole.

    Parameters
    ----------
    path : Path

    Yields
    ------
    binary file
        What is written to it gets the name at the end; after an error it is deleted. Of several
        writers the last that ends has the name.

    Raises
    ------
    OSError
        If it cannot be written; the old content is then as it was.
    """
    # Of this writer alone. Not by tempfile, whose files only their owner may read.
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:  # Ctrl-C too
        part.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write all of a file at once; see :func:`atomic_file`."""
    with atomic_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep out other processes that lock the same path, to change a file that they change, too.

    The lock is a file beside it, deleted in the end: the file itself is another after each
    :func:`atomic_file`. Where files cannot be locked, nobody is kept out.

    Parameters
    ----------
    path : Path
    """
    if fcntl is None:
        yield
        return
    lock = path.with_name(path.name + ".lock")
    while True:
        with open(lock, "ab") as file:
            with contextlib.suppress(OSError):  # some file systems of clusters cannot
                fcntl.flock(file, fcntl.LOCK_EX)
            if _has_name(file, lock):  # the one before may have deleted it meanwhile
                try:
                    yield
                finally:
                    lock.unlink(missing_ok=True)
                return


def _has_name(file, path):
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
