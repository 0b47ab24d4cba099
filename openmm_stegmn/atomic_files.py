"""Files that no crash leaves half written."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file so that its name always holds either the old or the new content, whole.

    Parameters
    ----------
    path : Path

    Yields
    ------
    binary file
        What is written to it gets the name at the end; after an error it is deleted.

    Raises
    ------
    OSError
        If it cannot be written; the old content is then as it was.
    """
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
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
