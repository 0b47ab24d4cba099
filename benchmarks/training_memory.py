"""Memory of training on a trajectory that is larger than what frames may take.

A trajectory of chignolin is generated (frames of a short simulation, again and again), and
``openmm-stegmn train`` is run on it. Told are the memory that is the process's own (RssAnon), and
all that counts as its own in ``top`` (VmRSS), with pages of libraries and of the file that frames
are kept in; beside the floor, what the imports alone take.

    python benchmarks/training_memory.py --gigabytes 10
    python benchmarks/training_memory.py --gigabytes 0.4 --memory 0.1 --network default
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import MDAnalysis as mda
import numpy as np

from openmm_stegmn.data import simulate_replicas
from openmm_stegmn.systems import build_system, packaged_structure

RESULTS = Path(__file__).parent / "results" / "training_memory.json"
INTERVAL = 0.1  # ps
QUICK = ("--steps", "20", "--free-jumps", "10")
NETWORKS = {
    "small": ("--history", "3", "--batch-size", "64", "--option", "hidden=16"),
    "default": (),
}
IMPORTS = "import openmm_stegmn.training_runs, openmm_stegmn.cli; import time; time.sleep(1)"


def write(path, gigabytes):
    """A DCD file of so many GB of frames; returns their number."""
    molecule = build_system(packaged_structure("chignolin"))
    frames = simulate_replicas(
        molecule.system, molecule.positions, [1], 100, frame_interval=INTERVAL,
        equilibration=2.0, platform="CPU",
    )[0].numpy()  # fmt: skip
    count = round(gigabytes * 1e9 / frames[0].nbytes)
    universe = mda.Universe.empty(frames.shape[1], trajectory=True)
    random = np.random.default_rng(0)
    with mda.Writer(str(path), n_atoms=frames.shape[1], dt=INTERVAL) as writer:
        for number in range(count):
            step = universe.trajectory.ts
            step.frame, step.time = number, number * INTERVAL
            noise = 0.01 * random.standard_normal(frames.shape[1:], np.float32)
            universe.atoms.positions = frames[number % len(frames)] + noise
            writer.write(universe.atoms)
    return count


def peak(command, folder):
    """Largest memory of a command, GB: its own, and in all; seconds."""
    start, largest = time.monotonic(), {"RssAnon": 0, "VmRSS": 0}
    process = subprocess.Popen(command, cwd=folder)
    while process.poll() is None:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except OSError:
            break
        for line in lines:
            name, _, value = line.partition(":")
            if name in largest:
                largest[name] = max(largest[name], int(value.split()[0]) * 1024 / 1e9)
        time.sleep(0.05)
    if process.wait():
        sys.exit(f"{command} failed")
    return largest["RssAnon"], largest["VmRSS"], time.monotonic() - start


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--gigabytes", type=float, default=10.0)
    options.add_argument("--memory", default="1.0", help="values of train --memory, GB")
    options.add_argument("--network", choices=sorted(NETWORKS), default="small")
    asked = options.parse_args()
    own, whole, _ = peak([sys.executable, "-c", IMPORTS], ".")
    records = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    records.append({"imports": True, "own_gigabytes": own, "all_gigabytes": whole})
    print(records[-1], flush=True)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        count = write(Path(folder) / "run.dcd", asked.gigabytes)
        for memory in asked.memory.split(","):
            command = [
                sys.executable, "-c", "from openmm_stegmn.cli import app; app()", "train",
                "--topology", str(packaged_structure("chignolin")), "--trajectory", "run.dcd",
                "--memory", memory, "--output", f"{memory}.safetensors", *QUICK,
                *NETWORKS[asked.network],
            ]  # fmt: skip
            own, whole, seconds = peak(command, folder)
            records.append(
                {"frames": count, "gigabytes": asked.gigabytes, "memory": float(memory),
                 "network": asked.network, "own_gigabytes": own, "all_gigabytes": whole,
                 "seconds": seconds}
            )  # fmt: skip
            print(records[-1], flush=True)
    RESULTS.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
