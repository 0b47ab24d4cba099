"""Measurements in a process of their own: for memory, and where that may run out."""

import multiprocessing
import pickle
import resource
from dataclasses import dataclass, replace
from pathlib import Path

from ._speed_jobs import SpeedJob
from ._speed_record import SpeedRecord

# Of the memory that is free, what a process may take: the rest of the machine lives on.
_SHARE = 0.8


@dataclass(frozen=True)
class FreshJob:
    """A job in a new process, which tells the peak of its memory and may run out of it.

    The memory is that which the process takes beyond what it has after its imports.
    """

    job: SpeedJob

    @property
    def key(self):
        return self.job.key

    @property
    def identity(self):
        """That of the job."""
        return self.job.identity

    @property
    def title(self):
        return self.job.title

    def run(self) -> SpeedRecord:
        # spawn: CUDA does not live through a fork
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(pickle.dumps(self.job), sender), daemon=True)
        process.start()
        sender.close()
        limit, record = self.job.settings.limit, None
        try:
            if receiver.poll(limit):
                record = receiver.recv()
                failure = None
            else:
                failure = f"not done after {limit:g} s"
        except EOFError:
            process.join()
            failure = f"its process ended with {process.exitcode}: out of memory"
        finally:
            process.kill()
            process.join()
        if record is None:
            return SpeedRecord(*self.key, settings=self.identity, failure=failure)
        return record


def _work(job, sender):
    most = _SHARE * _free_bytes()
    # Private memory that can be written: what CUDA reserves of addresses is not that.
    resource.setrlimit(resource.RLIMIT_DATA, (int(most), resource.RLIM_INFINITY))
    before = _bytes_now()
    job = pickle.loads(job)
    record = job.run()
    if record.failure is None:
        host = (_peak_bytes() - before) / 1e6
        measured = record.measured | {"host_MB": host}
        record = replace(record, measured=measured)
    sender.send(record)
    sender.close()


def _free_bytes():
    with open("/proc/meminfo") as file:
        values = dict(line.split(":") for line in file)
    return 1024 * int(values["MemAvailable"].split()[0])


def _bytes_now():
    return resource.getpagesize() * int(Path("/proc/self/statm").read_text().split()[1])


def _peak_bytes():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
