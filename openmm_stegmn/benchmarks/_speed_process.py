"""Measurements in a process of their own: for memory, and where that may run out."""

import multiprocessing
import pickle
import sys
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
            code = process.exitcode
            killed = f"was killed by signal {-code}, as for lack of memory"
            failure = f"its process {killed if code < 0 else f'failed with {code}'}"
        finally:
            process.kill()
            process.join()
        if record is None:
            return SpeedRecord(*self.key, settings=self.identity, failure=failure)
        return record


def _work(job, sender):
    memory = _ProcessMemory() if sys.platform == "linux" else None
    record = pickle.loads(job).run()
    if record.failure is None:
        host = None if memory is None else memory.taken() / 1e6
        record = replace(record, measured=record.measured | {"host_MB": host})
    sender.send(record)
    sender.close()


class _ProcessMemory:
    """Memory of this process from now on, of which it gets no more than most of what is free."""

    def __init__(self):
        import resource  # not on all systems

        with open("/proc/meminfo") as file:
            values = dict(line.split(":") for line in file)
        free = 1024 * int(values["MemAvailable"].split()[0])
        # Private memory that can be written: what CUDA reserves of addresses is not that.
        resource.setrlimit(resource.RLIMIT_DATA, (int(_SHARE * free), resource.RLIM_INFINITY))
        self._usage = lambda: 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self._before = resource.getpagesize() * pages

    def taken(self) -> int:
        """Bytes at the peak, beyond those at the start."""
        return self._usage() - self._before
