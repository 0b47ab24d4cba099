"""Several trajectories at the same time, each in a process of its own."""

import multiprocessing
import os
import queue
import signal


def run_in_processes(run, folder, molecules, settings, processes, report):
    """Run ``run(folder, molecule, settings)``, which yields progress, for each of some molecules.

    The first error of one of them ends all.
    """
    # spawn: a forked process would inherit OpenMP's and torch's threads
    context = multiprocessing.get_context("spawn")
    threads, os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS"), "1"
    try:
        with context.Manager() as manager, context.Pool(processes, _ignore_interrupts) as pool:
            frames_made = manager.Queue()
            pending = [
                pool.apply_async(_run_reporting, (run, folder, molecule, settings, frames_made))
                for molecule in molecules
            ]
            while pending or not frames_made.empty():
                for job in pending:
                    if job.ready():
                        job.get()  # raises what was raised there
                pending = [job for job in pending if not job.ready()]
                try:
                    report(*frames_made.get(timeout=0.2), settings.steps)
                except queue.Empty:
                    continue
    finally:
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = threads


def _ignore_interrupts():
    """Ctrl-C reaches every process of a terminal; the first one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run_reporting(run, folder, molecule, settings, frames_made):
    for done in run(folder, molecule, settings):
        frames_made.put((molecule, done))
