"""``.npz`` files of arrays: whole or not there, and what they were made with."""

import zipfile
from pathlib import Path

import numpy as np

from ..atomic_files import atomic_file

#: What reading a damaged file raises: ``np.load`` takes whatever is no zip for a pickle, and
#: refuses that with a ValueError.
DAMAGED = (EOFError, zipfile.BadZipFile, ValueError)


def write_archive(path: Path, arrays: dict) -> None:
    """Write arrays; an interrupted write leaves the earlier file as it was."""
    with atomic_file(path) as file:
        np.savez(file, **arrays)


def different_settings(found: dict, expected: dict) -> str:
    """What differs from the settings expected, with both values; empty if nothing does."""
    return ", ".join(
        f"{key} {found.get(key)!r} (now {value!r})"
        for key, value in expected.items()
        if found.get(key) != value
    )
