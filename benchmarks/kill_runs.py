"""Kill a hybrid run at random moments, again and again, and see that nothing is lost.

    python benchmarks/kill_runs.py --kills 50 --output kill_runs.json

A run of alanine dipeptide is killed (SIGKILL: nothing can be caught or flushed) at a random moment
after it began, while it starts, steps, writes frames or checkpoints; then restarted, and killed
again, until there were as many kills as asked for. Restarts go in a process of their own each, as a
user's do, through the function that ``openmm-stegmn run`` calls, with a checkpoint every 0.05 s.
After each kill the folder is looked at: stock MDAnalysis must open the trajectory, with every frame
of before the last checkpoint, none of them twice; and the last frames must be those of a run that
was never killed, bit for bit: arrays that are not are in the record, and the exit status says so.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import MDAnalysis
import numpy as np

from openmm_stegmn.models import build_model, save_model
from openmm_stegmn.runs import RunFolder, RunSettings, hybrid_run
from openmm_stegmn.systems import build_system

FRAME_INTERVAL, CHECKPOINT_SECONDS = 0.02, 0.05


class LostError(Exception):
    """A kill has lost, doubled or changed a frame, or left a file that cannot be read."""


def main():
    """Kill, look, restart; then compare with a run that was left alone."""
    options = parse()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as path:
        where = {"platform": options.platform, "backend": options.backend}
        outcome = kill_often(Path(path), options.kills, options.longest, **where)
    outcome |= {"seed": options.seed, **where}
    Path(options.output).write_text(json.dumps(outcome, indent=1))
    print(outcome)
    if outcome["different"]:
        sys.exit(f"{', '.join(outcome['different'])}: not those of a run that was never killed")


def kill_often(folder, kills, longest, platform="Reference", backend="python"):
    """Kill a run in `folder` so many times, each after up to `longest` s; return what was seen.

    Raises
    ------
    LostError
        At the first thing that is not as it must be.
    """
    where, model = (platform, backend), folder / "model.safetensors"
    save_small_model(model)
    made = RunFolder(folder / "killed")
    seen = {"kills": 0, "before_the_first_frame": 0, "frames_dropped": 0, "files": []}
    started = time.perf_counter()
    while seen["kills"] < kills:
        process = start(made, model, 1e6, *where)
        wait_until_it_steps(process)
        time.sleep(random.uniform(0, longest))
        if process.poll() is not None:
            raise LostError(f"the run ended by itself: {process.communicate()[1]}")
        process.kill()
        process.communicate()
        seen["kills"] += 1
        if not made.checkpoint.exists():
            # Killed between the first frame and its checkpoint: nothing to go on with, yet.
            seen["before_the_first_frame"] += 1
            shutil.rmtree(made.path, ignore_errors=True)
            continue
        look(made, seen)
    reached = json.loads(made.summary.read_text())["total_time_ps"]
    length = reached + 1.0
    process = start(made, model, length, *where)
    _, errors = process.communicate()
    if process.returncode:
        raise LostError(f"the last restart failed: {errors}")
    whole = hybrid_run(settings(model, length, *where), folder / "whole").folder
    different = compare(made.trajectory, whole.trajectory)
    return seen | {
        "frames": len(read(made)), "different": different,
        "wall_seconds": time.perf_counter() - started,
    }  # fmt: skip


def save_small_model(path):
    """Linear extrapolation of torsions, frames ten steps apart."""
    from openmm_stegmn.data import describe_molecule
    from openmm_stegmn.models import ModelSpec

    molecule = build_system()
    values = describe_molecule(molecule.topology, molecule.system)
    values |= {"architecture": "torsion-linear", "history": 3, "temperature": 300.0}
    save_model(build_model(ModelSpec(**values, frame_interval=FRAME_INTERVAL)), path)


def settings(model, length, platform, backend):
    """What all runs here are."""
    return RunSettings(
        model=str(model), platform=platform, backend=backend, equilibration=0.1,
        length=float(length), md_frames=4, seed=7,
    )  # fmt: skip


def start(made, model, length, *where):
    """The run, or its continuation, in another process."""
    command = [sys.executable, __file__, "--child", str(made.path), str(model), str(length), *where]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def child(path, model, length, *where):
    """What that process does; it says when it begins to step."""
    restart = RunFolder(path).checkpoint.exists()
    told = []

    def tell(now, length, statistics):
        if not told:
            told.append(print("stepping", flush=True))

    hybrid_run(
        settings(model, length, *where), path, overwrite=not restart, restart=restart,
        checkpoint_seconds=CHECKPOINT_SECONDS, progress=tell,
    )  # fmt: skip


def wait_until_it_steps(process):
    """Return at its first frame: the start of Python takes longer than all that matters here."""
    if not process.stdout.readline():
        raise LostError(f"a restart failed: {process.communicate()[1]}")


def look(made, seen):
    """Check what a kill has left, and note how far it is ahead of the checkpoint."""
    record = made.read_record()
    made.read_checkpoint()
    if record is None:
        raise LostError("run.json is gone")
    times = read(made)
    steps = np.rint(times / FRAME_INTERVAL)
    if not np.array_equal(steps, np.arange(len(times))):
        raise LostError(f"frames are missing or twice: {times[:-10]} ...")
    checkpointed = json.loads(made.summary.read_text())["jumps"]["frames"]
    if len(times) < checkpointed:
        raise LostError(f"{len(times)} frames on disk, {checkpointed} at the checkpoint")
    seen["frames_dropped"] += len(times) - checkpointed
    seen["files"].append(len(times))


def read(made):
    """Times of all frames, by stock MDAnalysis."""
    universe = MDAnalysis.Universe(str(made.topology), str(made.trajectory))
    times = []
    for frame in universe.trajectory:
        if not np.isfinite(frame.positions).all():
            raise LostError(f"frame {frame.frame} is not finite")
        times.append(frame.time)
    universe.trajectory.close()
    return np.array(times)


def compare(killed, whole):
    """Names of the arrays that are not the same in both files to the last bit."""
    with h5py.File(killed) as one, h5py.File(whole) as other:
        names = []
        other.visititems(
            lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
        )
        return [
            name for name in names
            if not np.array_equal(one[name][()], other[name][()], equal_nan=True)
        ]  # fmt: skip


def parse():
    """Options; the defaults give the figures in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--longest", type=float, default=1.0, help="s from first frame to kill")
    parser.add_argument("--platform", default="Reference")
    parser.add_argument("--backend", default="python")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--output", default="kill_runs.json")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
