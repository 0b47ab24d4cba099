"""Several trajectories at the same time, each in a process of its own."""

import os
import queue

from ..worker_processes import SPAWN, process_pool


def run_in_processes(run, folder, molecules, settings, processes, report):
    """Run ``run(folder, molecule, settings)``, which yields progress, for each of some molecules.

    The first error of one of them ends all.
    """
    threads, os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS"), "1"
    try:
        with SPAWN.Manager() as manager, process_pool(processes) as pool:
            frames_made = manager.Queue()
            pending = [
                pool.submit(_run_reporting, run, folder, molecule, settings, frames_made)
                for molecule in molecules
            ]
            while pending or not frames_made.empty():
                for job in [job for job in pending if job.done()]:
                    job.result()  # raises what was raised there
                    pending.remove(job)
                try:
                    report(*frames_made.get(timeout=0.2), settings.steps)
                except queue.Empty:
                    continue
    finally:
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = threads


def _run_reporting(run, folder, molecule, settings, frames_made):
    for done in run(folder, molecule, settings):
        frames_made.put((molecule, done))
