"""What the options of ``openmm-stegmn train`` say, or the error that they make."""

from __future__ import annotations

import json
import os
from pathlib import Path


def check_output(path: Path, overwrite: bool) -> None:
    """Refuse before hours of training what could not be written after them."""
    if path.is_dir():
        raise ValueError(f"output {path}: is a folder, expected the name of a file")
    if path.exists() and not overwrite:
        raise ValueError(f"output {path}: exists; choose another name, or add --overwrite")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ValueError(f"output {path}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"output {path}: the folder {folder} is not writable; choose another")


def parse_options(texts) -> dict:
    """Options of an architecture, ``name=value``; values as JSON has them, else text."""
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"option {text!r}: expected name=value, such as kinematics=elastic")
        try:
            options[name] = json.loads(value)
        except json.JSONDecodeError:
            options[name] = value
    return options


def parse_times(text: str | None) -> tuple[float, ...] | None:
    """Times in ps, separated by commas."""
    if text is None:
        return None
    try:
        return tuple(float(time) for time in text.split(","))
    except ValueError as error:
        raise ValueError(f"times {text!r}: expected numbers of ps, such as 1,10,50") from error
