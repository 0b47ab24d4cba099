"""Records are made by jobs, several at the same time if asked for, and written as they come."""

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

import torch

from ._records import Record, RecordFile


class Job(Protocol):
    """What makes one record; it can be pickled."""

    @property
    def key(self) -> tuple:
        """That of the record."""

    @property
    def identity(self) -> dict:
        """What decides the numbers beside the key: the record's settings."""

    @property
    def title(self) -> str:
        """For people."""

    def run(self) -> Record:
        """Make the record."""


def make_records(
    jobs: Iterable[Job], file: RecordFile, *, overwrite: bool = False, processes: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Record]:  # fmt: skip
    """Make the records that a file does not hold, and add each as soon as it is made.

    The number of processes changes no record but for rounding, its ``train_seconds``, and
    ``"processes"`` in its details: how many were at work at the same time.

    Parameters
    ----------
    jobs : iterable of Job
    file : RecordFile
    overwrite : bool
        Make those that the file holds, too.
    processes : int
        Jobs at the same time. With 1 they run in this process; others have a thread each, and the
        visible CUDA devices in turn.
    progress : callable, optional
        Called with the title of a job that runs now, records done, and records in all.

    Returns
    -------
    list of Record
        In the order of the jobs.

    Raises
    ------
    RecordsError
        If the file holds a record made with other settings; before any job runs.
    Exception
        The first of a job, when all others are done: trainings go on for hours, and one that
        diverges is no reason to lose them. With Ctrl-C all end; records made so far are in the
        file.
    """
    report = progress or (lambda *_: None)
    records, todo = {}, {}
    for job in jobs:
        key = job.key
        records[key] = None if overwrite else file.find(key, job.identity)
        if records[key] is None:
            todo[key] = job

    def tell():
        # jobs begin in order: the first that is not done runs
        title = next((job.title for job in todo.values()), "done")
        report(title, len(records) - len(todo), len(records))

    tell()
    processes = min(processes, len(todo))
    failures = []
    with contextlib.closing(_run(list(todo.values()), processes)) as made:
        for record in made:
            if isinstance(record, Exception):
                failures.append(record)
                continue
            record = replace(record, details=record.details | {"processes": processes})
            file.add(record)
            records[record.key] = record
            del todo[record.key]
            tell()
    if failures:
        raise failures[0]
    return list(records.values())


def device_of(worker: int, devices: list[str]) -> str | None:
    """The CUDA device of a process, by its number: each in turn, if there are any."""
    return devices[worker % len(devices)] if devices else None


def visible_devices() -> list[str]:
    """CUDA devices of this process, by their names in ``CUDA_VISIBLE_DEVICES``."""
    count, names = torch.cuda.device_count(), os.environ.get("CUDA_VISIBLE_DEVICES")
    return [str(n) for n in range(count)] if names is None else names.split(",")[:count]


def _run(jobs, processes) -> Iterator[Record | Exception]:
    """Records as they are made, or why they are not."""
    if processes < 2:
        for job in jobs:
            yield _made(job)
        return
    # spawn: torch and CUDA have threads and state of their own, which a forked process must not
    # inherit.
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, start_worker, shared_by_workers(context)) as pool:
        # Pickled here, tensors are copied: torch would pass them on through shared memory, of
        # which containers often have little.
        yield from pool.imap_unordered(_run_pickled, map(pickle.dumps, jobs))


def shared_by_workers(context) -> tuple:
    """What each process of a pool is told; see :func:`start_worker`."""
    level = logging.getLogger("lightning.pytorch").level
    return context.Value("i", 0), visible_devices(), level


def start_worker(started, devices, log_level):
    """Begin a process of a pool: one thread, and a device of those visible."""
    # Ctrl-C is for the first process, which ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with started.get_lock():
        device = device_of(started.value, devices)
        started.value += 1
    if device is not None:
        # CUDA reads it when it is first used, which is later.
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(log_level)
    # Lightning's, for its developers: a line from each process.
    warnings.simplefilter("ignore", FutureWarning)


def _run_pickled(job: bytes) -> Record | Exception:
    return _made(pickle.loads(job))


def _made(job):
    try:
        return job.run()
    except Exception as error:
        return error
