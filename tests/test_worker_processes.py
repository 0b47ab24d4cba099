"""Processes that end before their work is done, or whose work is no longer wanted."""

import os
import signal
import subprocess
import sys
import time

import pytest

from openmm_stegmn.data import _xtb_processes, simulate_replicas
from openmm_stegmn.systems import build_system
from openmm_stegmn.worker_processes import process_pool


class Killed:
    """Ends the process that it is sent to."""

    def __reduce__(self):
        return os._exit, (1,)


def test_a_killed_process_is_told_of():
    molecule = build_system()
    with pytest.raises(RuntimeError, match="one of 2 processes ended .* take fewer processes"):
        simulate_replicas(molecule.system, molecule.positions, [Killed()] * 3, 4, processes=2)


def test_a_killed_process_of_generated_trajectories():
    with pytest.raises(RuntimeError, match="one of 1 processes ended"):
        _xtb_processes.run_in_processes(iter, None, [Killed()] * 3, None, 1, None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_processes_end_with_the_block(error):
    with pytest.raises(error), process_pool(2) as pool:
        pool.submit(os.getpid).result()
        for _ in range(5):
            pool.submit(time.sleep, 600)
        workers = list(pool._processes.values())
        raise error
    for worker in workers:
        worker.join(30)
        assert not worker.is_alive()


def test_processes_end_with_one_that_is_killed():
    """They hold its output open as long as they run."""
    lines = [
        "import os, signal", "from openmm_stegmn.worker_processes import process_pool",
        "with process_pool(1) as pool:",
        "    assert pool.submit(os.getpid).result() != os.getpid()",
        "    os.kill(os.getpid(), signal.SIGKILL)",
    ]  # fmt: skip
    command = [sys.executable, "-c", "\n".join(lines)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert found.returncode == -signal.SIGKILL, found.stderr
