"""Work in several processes, each with a thread and a CUDA device of its own."""

import logging
import os
import pickle
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool

import torch

from ..worker_processes import SPAWN, process_pool


def run_in_processes(
    call: Callable, arguments: Sequence, titles: Sequence[str], processes: int
) -> Iterator:
    """What a call gives for each argument, as it comes; what it raises is given, too.

    Closed before it has given all, it ends what still runs.

    Parameters
    ----------
    call : callable
        Can be pickled, as its arguments can.
    arguments : sequence
        They begin in this order.
    titles : sequence of str
        Of the arguments, for people.
    processes : int
        At the same time.

    Raises
    ------
    RuntimeError
        When a process has been ended from outside, as for lack of memory; it ends all others.
    """
    shared = SPAWN.Value("i", 0), visible_devices(), _lightning().level
    missing, futures = dict(enumerate(titles)), {}
    with process_pool(processes, _start, shared) as pool:
        try:
            for number, argument in enumerate(arguments):
                futures[pool.submit(_call, _Pickled((call, argument)))] = number
            for future in as_completed(futures):
                try:
                    made = future.result()
                except BrokenProcessPool:
                    continue
                except Exception as error:
                    made = error
                del missing[futures[future]]
                yield made
        except BrokenProcessPool:
            pass  # before all were handed over
    if missing:
        raise RuntimeError(
            f"a process was ended from outside, as for lack of memory, and all others with it; not "
            f"made: {'; '.join(missing.values())}"
        )


def device_of(worker: int, devices: list[str]) -> str | None:
    """The CUDA device of a process, by its number: each in turn, if there are any."""
    return devices[worker % len(devices)] if devices else None


def visible_devices() -> list[str]:
    """CUDA devices of this process, by their names in ``CUDA_VISIBLE_DEVICES``."""
    count, names = torch.cuda.device_count(), os.environ.get("CUDA_VISIBLE_DEVICES")
    return [str(n) for n in range(count)] if names is None else names.split(",")[:count]


class _Pickled:
    """A value that comes to another process pickled.

    As bytes tensors are copied: torch would pass them on through shared memory, of which containers
    often have little. They are made as late as the value is sent, since jobs may have data of many
    MB.
    """

    def __init__(self, value):
        self.value = value

    def __reduce__(self):
        return bytes, (pickle.dumps(self.value),)


def _start(started, devices, log_level):
    """Begin a process of a pool."""
    with started.get_lock():
        device = device_of(started.value, devices)
        started.value += 1
    if device is not None:
        # CUDA reads it when it is first used, which is later.
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    torch.set_num_threads(1)
    _lightning().setLevel(log_level)
    # Lightning's, for its developers: a line from each process.
    warnings.simplefilter("ignore", FutureWarning)


def _call(pickled):
    try:
        call, argument = pickle.loads(pickled)
        return call(argument)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            # One that does not survive the journey would break the pool.
            text = "".join(traceback.format_exception(error))
        else:
            raise
    raise RuntimeError(text)


def _lightning():
    return logging.getLogger("lightning.pytorch")
