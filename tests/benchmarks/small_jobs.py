"""Jobs that take no time, for the processes that tests start, too."""

import os
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
        return Record(*self.key, 0.5, 0.5, self.seconds, self.identity, details)
