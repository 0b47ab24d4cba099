"""What the options of ``openmm-stegmn train`` say, or the error that they make."""

from __future__ import annotations

import json
import tempfile
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
    try:
        # Permissions alone tell root nothing.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(
            f"output {path}: the folder {folder} is not writable ({error.strerror}); choose another"
        ) from error


# Options of the command line that are settings, and the section of a file that they are in
_SECTION = {
    **dict.fromkeys(
        ("topology", "trajectory", "system", "forcefield", "constraints", "memory"), "data"
    ),
    **dict.fromkeys(("steps", "batch_size", "learning_rate", "seed", "patience"), "training"),
    **dict.fromkeys(
        ("target", "model", "start", "history", "horizon", "frame_interval", "times", "block",
         "components", "temperature", "fine_tune", "free_jumps", "device",
         "devices", "nodes")
    ),
}  # fmt: skip


def merge_settings(path: Path | None, options: dict, given: set[str]) -> dict:
    """Settings of a file, and those given on the command line, which win over them.

    Parameters
    ----------
    path : Path or None
        YAML file.
    options : dict
        All options by name.
    given : set of str
        Those that are not there by default.

    Returns
    -------
    dict
        Plain values for :func:`~openmm_stegmn.training_runs.make_settings`.
    """
    from ..training_runs import read_config

    values = {"data": {}, "training": {}} if path is None else read_config(path)
    for name in given & set(_SECTION):
        part = values if _SECTION[name] is None else values[_SECTION[name]]
        part[name] = _plain(options[name])
    if "times" in given:
        values["times"] = parse_times(options["times"])
    if "option" in given:
        values["config"] = (values.get("config") or {}) | parse_options(options["option"])
    return values


def _plain(value):
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


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
