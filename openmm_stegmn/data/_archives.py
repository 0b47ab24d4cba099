"""``.npz`` files of arrays: whole or not there, and what they were made with."""

import json
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


def read_archive(path: Path, settings: dict, keys=()) -> list[np.ndarray]:
    """Arrays of a file whose ``metadata`` say that it was made with these settings.

    Parameters
    ----------
    path : Path
    settings : dict
        By name, as JSON gives them back.
    keys : sequence of str
        Of the arrays.

    Raises
    ------
    ValueError
        If it cannot be read or was made with other settings.
    """
    try:
        with np.load(path) as stored:
            found = json.loads(str(stored["metadata"]))["settings"]
            arrays = [stored[key] for key in keys]
    except (OSError, KeyError, TypeError, *DAMAGED) as error:
        raise ValueError(
            f"{path} cannot be read: {error!r}; remove it to have it made again"
        ) from error
    check_settings(path, found, settings)
    return arrays


def check_settings(path: Path, found: dict, expected: dict) -> None:
    """Raise ValueError, with both values, if a file was made with other settings."""
    if listing := different_settings(found, expected):
        raise ValueError(
            f"{path} was made with other settings: {listing}; choose another folder, or remove it"
        )


def different_settings(found: dict, expected: dict) -> str:
    """What differs from the settings expected, with both values; empty if nothing does."""
    return ", ".join(
        f"{key} {found.get(key)!r} (now {value!r})"
        for key, value in expected.items()
        if found.get(key) != value
    )
