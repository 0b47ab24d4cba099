"""How long something takes, and how much memory."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

_WARM_UP = 3
_FEWEST = 3


@dataclass(frozen=True)
class Timing:
    """Median and quartiles of repeats, ms."""

    median: float
    lower: float
    upper: float
    repeats: int

    @classmethod
    def of(cls, seconds: list[float]) -> "Timing":
        """Of the times of some repeats, s."""
        times = [1000 * each for each in seconds]
        if len(times) == 1:
            return cls(*3 * times, 1)
        lower, median, upper = statistics.quantiles(times, n=4, method="inclusive")
        return cls(median, lower, upper, len(times))

    def as_dict(self) -> dict:
        """Plain values."""
        return {
            "ms": self.median, "lower_ms": self.lower, "upper_ms": self.upper,
            "repeats": self.repeats,
        }  # fmt: skip


def wait_for(device: str) -> None:
    """Wait until a device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def timed(work: Callable, device: str, repeats: int, seconds: float) -> Timing:
    """Time some work, each repeat between synchronisations, after warming up.

    Parameters
    ----------
    work : callable
    device : str
        ``"cpu"`` or ``"cuda"``.
    repeats : int
    seconds : float
        No more repeats after this, but three at least. A tenth of it goes to warming up, and three
        calls at least: processors change their clocks, and TorchScript compiles.
    """
    start, calls = time.perf_counter(), 0
    while calls < _WARM_UP or (
        calls < repeats and time.perf_counter() - start < seconds / 10
    ):  # fmt: skip
        work()
        wait_for(device)
        calls += 1
    times, begin = [], time.perf_counter()
    while len(times) < repeats and (
        len(times) < _FEWEST or time.perf_counter() - begin < seconds
    ):  # fmt: skip
        before = time.perf_counter()
        work()
        wait_for(device)
        times.append(time.perf_counter() - before)
    return Timing.of(times)


class GPUMemory:
    """Peak of what is allocated on a GPU while it is entered; nothing is known of a CPU."""

    def __init__(self, device: str):
        self.device = device
        self.megabytes: float | None = None

    def __enter__(self):
        if self.device == "cuda":
            torch.cuda.init()  # there is nothing to reset before
            # Trainers are parts of cycles, and with them the memory of what they have captured.
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        return self

    def __exit__(self, *_):
        if self.device == "cuda":
            self.megabytes = torch.cuda.max_memory_allocated() / 1e6
