"""The folder beside a model, in which its training is recorded and goes on after a crash."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ..training import is_first_process

# What the training in a folder is of. Its devices may change: a run may go on elsewhere.
_RECORD = "settings.json"
_FREE = ("device", "devices", "nodes")


def training_folder(model_file: str | Path) -> Path:
    """The folder beside a model file: ``mine.training`` of ``mine.safetensors``."""
    return Path(model_file).with_suffix(".training")


def check_folder(folder: Path, resume: bool, overwrite: bool) -> None:
    """Refuse what would lose a training run, or go on with none. Only the first process looks.

    Raises
    ------
    ValueError
        If there is something in the folder and neither of the two is asked for, it is not of a
        training run, or there is nothing to go on with.
    """
    if not is_first_process():
        return
    ours = (folder / _RECORD).is_file()
    if resume and not ours:
        raise ValueError(
            f"nothing to resume: no training run in {folder}; leave out --resume to begin one"
        )
    if folder.exists() and not ours and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"{folder}: exists and is no training run; move it away, or choose another name for "
            f"the model"
        )
    if ours and not resume and not overwrite:
        raise ValueError(
            f"{folder}: holds a training run; add --resume to go on with it, --overwrite to begin "
            f"again, or choose another name for the model"
        )


def open_folder(folder: Path, record: dict, resume: bool, overwrite: bool) -> None:
    """Make the folder of a training run, or check that the one there is of the same.

    Parameters
    ----------
    folder : Path
    record : dict
        Everything that the result depends on, as plain values: settings and data.
    resume, overwrite : bool
        Go on with the run in the folder; delete it.

    Raises
    ------
    ValueError
        See :func:`check_folder`; or if the run to go on with was of something else, naming it.
    """
    if not is_first_process():
        return
    check_folder(folder, resume, overwrite)
    record = json.loads(json.dumps(record))
    if resume:
        before = json.loads((folder / _RECORD).read_text())
        # hashes last: the others say more
        names = {*before, *record} - set(_FREE)
        for name in sorted(names, key=lambda each: (each.endswith("sha256"), each)):
            if before.get(name) != record.get(name):
                raise ValueError(
                    f"{folder}: its run has {name} {_short(before.get(name))}, now it is "
                    f"{_short(record.get(name))}; resume with the same, or begin again with "
                    f"--overwrite"
                )
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    (folder / _RECORD).write_text(json.dumps(record, indent=1) + "\n")


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:120]}…"
