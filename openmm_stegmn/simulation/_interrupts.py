"""Ctrl-C between steps of the schedule, never inside one."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def interrupt_deferred():
    """Let a Ctrl-C that arrives in the block act at its end.

    Python raises ``KeyboardInterrupt`` as soon as OpenMM returns, before what OpenMM did could be
    noted: the steps would be made but not counted. Only the main thread is ever interrupted.
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield
        return
    arrived = []
    signal.signal(signal.SIGINT, lambda *arguments: arrived.append(arguments))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if arrived:
        usual(*arrived[0])
