"""Records are made by jobs, several at the same time if asked for, and written as they come."""

import contextlib
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from ._processes import run_in_processes
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
        The first of a job, or of a record that cannot be written, when all others are done:
        trainings go on for hours, and one that diverges is no reason to lose them. With Ctrl-C all
        end; records made so far are in the file.
    RuntimeError
        If a process is ended from outside, as for lack of memory: all end, as with Ctrl-C.
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
            try:
                file.add(record)
            except ValueError as error:
                failures.append(error)
                continue
            records[record.key] = record
            del todo[record.key]
            tell()
    if failures:
        raise failures[0]
    return list(records.values())


def _run(jobs, processes) -> Iterator[Record | Exception]:
    """Records as they are made, or why they are not."""
    if processes < 2:
        for job in jobs:
            yield _made(job)
        return
    titles = [job.title for job in jobs]
    yield from run_in_processes(operator.methodcaller("run"), jobs, titles, processes)


def _made(job):
    try:
        return job.run()
    except Exception as error:
        return error
