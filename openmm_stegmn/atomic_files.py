"""Files that no crash leaves half written."""

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that its name always holds either the old or the new content, whole.

    Parameters
    ----------
    path : Path
    data : bytes

    Raises
    ------
    OSError
        If it cannot be written; the old content is then as it was.
    """
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
