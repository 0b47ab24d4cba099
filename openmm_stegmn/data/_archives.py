"""``.npz`` files of arrays: whole or not there, and what they were made with."""

import os
import zipfile
from pathlib import Path

import numpy as np

#: What reading a damaged file raises: ``np.load`` takes whatever is no zip for a pickle, and
#: refuses that with a ValueError.
DAMAGED = (EOFError, zipfile.BadZipFile, ValueError)


def write_archive(path: Path, arrays: dict) -> None:
    """Write beside and rename: an interrupted write leaves the earlier file as it was."""
    temporary = path.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        np.savez(file, **arrays)
    os.replace(temporary, path)


def different_settings(found: dict, expected: dict) -> str:
    """What differs from the settings expected, with both values; empty if nothing does."""
    return ", ".join(
        f"{key} {found.get(key)!r} (now {value!r})"
        for key, value in expected.items()
        if found.get(key) != value
    )
