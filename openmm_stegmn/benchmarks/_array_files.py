"""Files of arrays that processes make, each whole or not there."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import openmm

from .. import __version__
from ..data import read_archive, write_archive
from ._jobs import shared_by_workers, start_worker


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
    # spawn: OpenMM and torch have threads of their own, which a forked process must not inherit.
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(processes, len(todo)), start_worker, shared_by_workers(context)) as pool:
        for number, _ in enumerate(pool.imap_unordered(make, todo.items()), done + 1):
            report(title, number, len(files))


def write_arrays(path: Path, settings: dict, platform: str, **arrays) -> None:
    """Write arrays, and what they were made with."""
    about = {
        "settings": settings,
        "platform": platform,
        "versions": {"openmm": openmm.__version__, "openmm-stegmn": __version__},
    }
    write_archive(path, {"metadata": json.dumps(about), **arrays})
