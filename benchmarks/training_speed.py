"""How fast training is, how busy the GPU, and whether the loader of windows holds it up.

Told are windows a second (after warming up), the share of time that the loop waits for numbers of
windows and for their frames, GPU utilisation as nvidia-smi samples it, and peak memory. Alanine
dipeptide and T4 lysozyme (frames of a short run, again and again: their number is what counts),
with frames on the device and, with ``--stored``, in a file that memory is mapped to.

    python benchmarks/training_speed.py --device cuda --steps 300
    python benchmarks/training_speed.py --device cuda --steps 300 --stored
    python benchmarks/training_speed.py --device cpu --steps 3 --batch-size 2 --hidden 8

Where there is no openmmtools, T4 lysozyme is read from ``--folder``; elsewhere ``t4_lysozyme.py
--prepare --output FOLDER`` writes it there.
"""

import argparse
import json
import resource
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import lightning
import numpy as np
import torch
from t4_lysozyme import read_system, write_system

from openmm_stegmn.data import WindowSet, describe_molecule, simulate_replicas
from openmm_stegmn.data._frame_files import store_frames
from openmm_stegmn.models import ModelSpec, build_model
from openmm_stegmn.systems import build_system, choose_platform
from openmm_stegmn.training import TrainingConfig, choose_device, train
from openmm_stegmn.training._tasks import JumpTask

RESULTS = Path(__file__).parent / "results" / "training_speed.json"
# Frames that are simulated, and how many there are of them
SIMULATED, FRAMES = 20, {"alanine-dipeptide": 20_000, "t4-lysozyme": 2_000}


def main():
    """Run the command line."""
    options = parse()
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    records = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for name in options.molecules.split(","):
        records.append(measure(name, device, options))
        print(records[-1], flush=True)
        RESULTS.write_text(json.dumps(records, indent=1) + "\n")


def parse():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--molecules", default=",".join(FRAMES))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--history", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="that T4 lysozyme is read from")
    parser.add_argument("--stored", action="store_true", help="frames in a mapped file")
    return parser.parse_args()


def measure(name, device, options):
    """Train for some steps; what was measured."""
    description, frames = molecule(name, options.folder)
    count = FRAMES[name]
    repeated = frames.repeat(count // len(frames) + 1, 1, 1)[:count]
    with tempfile.TemporaryDirectory() as folder:
        if options.stored:
            parts, _ = store_frames(
                lambda file: (file.write(repeated.numpy()), [1.0])[1], [count], frames.shape[1],
                folder,
            )  # fmt: skip
            repeated = parts[0]
        windows = WindowSet.from_trajectories([repeated], options.history)
        spec = ModelSpec(
            architecture="stegmn", history=options.history, frame_interval=1.0,
            config={"hidden": options.hidden}, **description,
        )  # fmt: skip
        config = TrainingConfig(
            steps=options.steps, batch_size=options.batch_size, validate_every=options.steps
        )
        watch, usage = Watch(options.steps, device), Utilisation(device)
        with usage:
            train(
                build_model(spec), windows, config, fitted=True, progress=False, callbacks=[watch],
                accelerator="gpu" if device == "cuda" else "cpu",
            )  # fmt: skip
    card = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {options.threads} threads"
    return {
        "molecule": name, "atoms": frames.shape[1], "device": card, "stored": options.stored,
        "batch_size": options.batch_size, "hidden": options.hidden, "history": options.history,
        "parts_of_a_batch": watch.parts, "windows_per_second": watch.rate(options.batch_size),
        "seconds_per_100_steps": 100 * options.batch_size / watch.rate(options.batch_size),
        "share_waiting_for_numbers": watch.waiting / watch.seconds,
        "share_taking_frames": watch.taking / watch.seconds, "gpu_utilisation": usage.mean(),
        "peak_gigabytes": peak_memory(device),
    }  # fmt: skip


def molecule(name, folder):
    """What a specification needs to know, and some frames, Å."""
    if name == "alanine-dipeptide":
        made = build_system()
        topology, system, positions = made.topology, made.system, made.positions
    else:
        with tempfile.TemporaryDirectory() as made:
            if folder is None:
                write_system(Path(made))
            topology, system, positions = read_system(folder or Path(made))
    (frames,) = simulate_replicas(
        system, positions, [1], SIMULATED, frame_interval=0.02, equilibration=0.02,
        platform=choose_platform("auto", system).getName(),
    )  # fmt: skip
    return describe_molecule(topology, system), frames


class Watch(lightning.Callback):
    """Times of the loop, after the first fifth of the steps.

    Parameters
    ----------
    steps : int
    device : str
    """

    def __init__(self, steps, device):
        self.first, self.device = max(1, steps // 5), device
        self.waiting = self.taking = 0.0
        self.start = self.end = self.ended = None

    def on_train_start(self, trainer, module):
        """Time how long frames take, and remember how a batch is shared."""
        self.parts, take = trainer.accumulate_grad_batches, JumpTask.example

        def timed(windows, index):
            self._wait()
            start = time.perf_counter()
            example = take(module, windows, index)
            self._wait()
            if self.start is not None:
                self.taking += time.perf_counter() - start
            return example

        module.example = timed

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        """From the end of the batch before to here the loop has waited for the loader."""
        if self.ended is not None and self.start is not None:
            self.waiting += time.perf_counter() - self.ended

    def on_train_batch_end(self, trainer, module, *_):
        """Begin to count when it is warm."""
        self._wait()
        self.ended = self.end = time.perf_counter()
        self.counted = trainer.global_step - self.first
        if self.start is None and trainer.global_step >= self.first:
            self.start = self.end

    @property
    def seconds(self):
        """That were counted."""
        return self.end - self.start

    def rate(self, batch_size):
        """Windows a second."""
        return self.counted * batch_size / self.seconds

    def _wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()


class Utilisation:
    """Utilisation of the GPU while it is entered, as nvidia-smi tells it twice a second."""

    def __init__(self, device):
        self.values, self.stopped, self.device = [], threading.Event(), device
        self.thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self):
        if self.device == "cuda":
            self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()

    def _sample(self):
        command = [
            # of the GPU that torch uses: nvidia-smi counts those that are hidden from it, too
            "nvidia-smi", f"--id=GPU-{torch.cuda.get_device_properties().uuid}",
            "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits",
        ]  # fmt: skip
        while not self.stopped.wait(0.5):
            self.values.append(
                float(subprocess.run(command, capture_output=True, text=True).stdout)
            )

    def mean(self):
        """Per cent over the later half, or None."""
        late = self.values[len(self.values) // 2 :]
        return float(np.mean(late)) if late else None


def peak_memory(device):
    """GB: of the GPU, or of the process on the CPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
