"""Processes that work for this one, and end with it."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection

#: OpenMM, OpenMP, torch and CUDA have threads and state, which a forked process must not inherit.
SPAWN = multiprocessing.get_context("spawn")


@contextlib.contextmanager
def process_pool(
    processes: int, start: Callable | None = None, arguments: tuple = ()
) -> Iterator[ProcessPoolExecutor]:
    """Processes for a block; if it raises, as with Ctrl-C, they end at once.

    Parameters
    ----------
    processes : int
    start : callable, optional
        What each begins with. It and its arguments can be pickled.
    arguments : tuple

    Raises
    ------
    RuntimeError
        If one of them ends before its work is done, as one that is killed.
    """
    pool = ProcessPoolExecutor(processes, SPAWN, _start, (start, arguments))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"one of {processes} processes ended before its work was done; unless it says above "
            f"why, it was killed, as when memory runs out: take fewer processes"
        ) from error
    except BaseException:
        for worker in list(pool._processes.values()):  # Python 3.14 has terminate_workers
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start(start, arguments):
    # Ctrl-C reaches every process of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _end_with_parent():
    """Without it processes would wait for work for ever if the first one is killed."""
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
