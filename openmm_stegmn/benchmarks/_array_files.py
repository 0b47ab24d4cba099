"""Files of arrays that processes make, each whole or not there."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import openmm

from .. import __version__
from ..data import read_archive, write_archive
from ._processes import run_in_processes


def make_files(
    title: str, files: dict[Path, dict], make: Callable, processes: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> None:  # fmt: skip
    """Make the files that are not there; check the settings of those that are.

    Parameters
    ----------
    title : str
        For ``progress``.
    files : dict
        Settings by path.
    make : callable
        Called in another process with a path and its settings; it can be pickled.
    processes : int
        At the same time. With 1 it is this one.
    progress : callable, optional
        Called with title, files that are there, and files in all.

    Raises
    ------
    ValueError
        As :func:`~openmm_stegmn.data.read_archive`.
    Exception
        The first that making a file raises; it ends all others.
    """
    report = progress or (lambda *_: None)
    todo = {path: settings for path, settings in files.items() if not path.exists()}
    for path, settings in files.items():
        if path not in todo:
            read_archive(path, settings)
    done = len(files) - len(todo)
    if not todo:
        return
    report(title, done, len(files))
    if processes == 1:
        for number, job in enumerate(todo.items(), done + 1):
            make(job)
            report(title, number, len(files))
        return
    jobs, titles = list(todo.items()), list(map(str, todo))
    running = run_in_processes(make, jobs, titles, min(processes, len(todo)))
    with contextlib.closing(running) as outcomes:
        for number, outcome in enumerate(outcomes, done + 1):
            if isinstance(outcome, Exception):
                raise outcome
            report(title, number, len(files))


def write_arrays(path: Path, settings: dict, platform: str, **arrays) -> None:
    """Write arrays, and what they were made with."""
    about = {
        "settings": settings,
        "platform": platform,
        "versions": {"openmm": openmm.__version__, "openmm-stegmn": __version__},
    }
    write_archive(path, {"metadata": json.dumps(about), **arrays})
