"""Jobs that take no time, for the processes that tests start, too."""

import os
import signal
import time
from dataclasses import dataclass, field

import torch

from openmm_stegmn.benchmarks import Record


@dataclass(frozen=True)
class SmallJob:
    """Its record says which process made it; with an error, it raises that instead."""

    seed: int
    error: Exception | None = None
    seconds: float = 0.0
    identity: dict = field(default_factory=lambda: {"a": 1})
    mse: float = 0.5

    @property
    def key(self):
        return ("test", "none", "argon", "model", self.seed, "all", 1)

    @property
    def title(self):
        return f"job {self.seed}"

    def run(self):
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        details = {
            "process": os.getpid(), "threads": torch.get_num_threads(),
            "device": os.environ.get("CUDA_VISIBLE_DEVICES"),
        }  # fmt: skip
        return Record(*self.key, self.mse, 0.5, self.seconds, self.identity, details)


class KilledJob(SmallJob):
    """Its process is killed, as the system does when memory runs out."""

    def run(self):
        time.sleep(self.seconds)
        kill_this_process()


def kill_this_process(*_):
    os.kill(os.getpid(), signal.SIGKILL)


class OddError(Exception):
    """It can be pickled, but not made again from that."""

    def __init__(self, what, where):
        super().__init__(f"{what} in {where}")


def fail_oddly(what):
    raise OddError(what, "a process")


def refuse_first(job):
    """For ``make_files``: the first cannot be made, others take long."""
    path, settings = job
    if settings["number"] == 0:
        raise ValueError("too few")
    time.sleep(60)
