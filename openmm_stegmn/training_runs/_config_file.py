"""Settings of a training run as a YAML file: the names and types are those of the dataclasses.

A file has what is in :class:`TrainSettings`, with :class:`TrainingConfig` under ``training`` and
:class:`DataSettings` under ``data``. What is left out, or null, has its default.
"""

from __future__ import annotations

import difflib
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from ..training import TrainingConfig
from ._data_settings import DataSettings
from ._settings import TrainSettings

_SECTIONS = {"data": DataSettings, "training": TrainingConfig}


def read_config(path: str | Path) -> dict:
    """Read a YAML file of settings.

    Returns
    -------
    dict
        Plain values as in the file, for :func:`make_settings`; sections are there even if empty.

    Raises
    ------
    ValueError
        If there is no such file, it is not YAML, or not names and values.
    """
    try:
        values = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise ValueError(f"settings {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"settings {path}: is not YAML ({error})") from error
    values = {} if values is None else values
    for section in (None, *_SECTIONS):
        part = values if section is None else values.get(section)
        if part is not None and not isinstance(part, dict):
            where = "" if section is None else f"{section}: "
            raise ValueError(
                f"settings {path}: {where}expected names and values, such as steps: 4000, found "
                f"{type(part).__name__}"
            )
    return values | {section: values.get(section) or {} for section in _SECTIONS}


def make_settings(values: dict) -> tuple[DataSettings, TrainSettings]:
    """Settings from plain values, as :func:`read_config` gives them.

    Raises
    ------
    ValueError
        If a name is unknown (with the nearest known one), a value of another type, one that is
        needed missing, or the values do not fit each other.
    """
    data = _checked(DataSettings, values["data"], "data.")
    for name in ("topology", "trajectory"):
        if not data.get(name):
            raise ValueError(f"no {name} given: name it by --{name}, or as {name} under data")
    training = TrainingConfig(**_checked(TrainingConfig, values["training"], "training."))
    rest = {name: value for name, value in values.items() if name not in _SECTIONS}
    settings = TrainSettings(**_checked(TrainSettings, rest, ""), training=training)
    return DataSettings(**data), settings


def _checked(kind, values, prefix):
    """Values of the types that a dataclass has, without those that are None."""
    hints, checked = get_type_hints(kind), {}
    for name, value in values.items():
        if name not in hints or name in _SECTIONS:
            raise ValueError(f"setting {prefix}{name}: there is none of this name{_nearest(name)}")
        if value is None:
            continue
        try:
            checked[name] = TypeAdapter(hints[name]).validate_python(value)
        except ValidationError as error:
            found = error.errors()[0]["msg"]
            raise ValueError(f"setting {prefix}{name}: {found}, found {value!r}") from error
    return checked


def _nearest(name):
    known = {field.name: field.name for field in fields(TrainSettings)}
    for section, kind in _SECTIONS.items():
        known |= {field.name: f"{section}.{field.name}" for field in fields(kind)}
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)
    return f", the nearest is {known[close[0]]}" if close else ""
