"""Time from the start of ``openmm-stegmn run`` to its first step, in a fresh process."""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ._speed_jobs import SpeedJob
from ._speed_timing import Timing

# ps; the equilibration is that of the command's default
_LENGTH = 1.0
_MOST_REPEATS = 3
_LOOK = 0.005  # s between two looks


@dataclass(frozen=True)
class StartJob(SpeedJob):
    """The packaged run: imports, system, model, equilibration, and the first frame of physics."""

    part: str = "start"

    def measure(self):
        with tempfile.TemporaryDirectory() as folder:
            times = [
                _start(Path(folder) / str(number), self.settings.limit)
                for number in range(min(self.settings.repeats, _MOST_REPEATS))
            ]
        names = ("ready_ms", "first_frame_ms", "whole_ms")
        columns = dict(zip(names, zip(*times, strict=True), strict=True))
        measured = {name: Timing.of(list(column)).median for name, column in columns.items()}
        return measured, {"repeats": len(times), "length_ps": _LENGTH}


def _start(folder, limit):
    """Seconds until the folder is there, which is before the first step; until the trajectory has
    a frame; and until the whole of a short run is done."""
    command = [sys.executable, "-m", "openmm_stegmn", "run", "--length", str(_LENGTH)]
    command += ["--output", str(folder), "--seed", "1"]
    marks, found = [folder / "topology.pdb", folder / "checkpoint.chk"], []
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        try:
            while process.poll() is None:
                now = time.perf_counter() - begin
                while len(found) < len(marks) and marks[len(found)].exists():
                    found.append(now)
                if now > limit:
                    raise RuntimeError(f"openmm-stegmn run was not done after {limit:g} s")
                time.sleep(_LOOK)
            whole = time.perf_counter() - begin
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            said.seek(0)
            lines = said.read().decode().strip().splitlines()
            raise RuntimeError(f"openmm-stegmn run failed: {lines[-1] if lines else ''}")
    found += [whole] * (len(marks) - len(found))
    return *found, whole
