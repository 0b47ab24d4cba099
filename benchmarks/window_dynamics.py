"""Stochastic jumps from a window of frames: how far ahead, and how many are accepted.

    python benchmarks/window_dynamics.py                        # minutes on a CPU: too little
    python benchmarks/window_dynamics.py --nanoseconds 100 --steps 6000 --seeds 3 --processes 9 \\
        --output window_dynamics.json

Alanine dipeptide. A density conditioned on T = 10 frames 0.5 ps apart, and for comparison on one,
are trained by likelihood for times of 1 to 100 ps, on the frames that ``benchmark sampling`` trains
on. For each time: how much likelier what followed is than if nothing were known (nats for each
bond, of another replica), and hybrid runs whose jumps go ahead by that time, after legs of as many
frames as a window has: the share that the energy guard accepts, and that Metropolis does, which
looks at energies alone here. Neither is exact.
"""

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import openmm
from openmm import app

from openmm_stegmn import STEGMNPropagator, load_model, save_model
from openmm_stegmn.benchmarks import (
    Record,
    RecordFile,
    make_records,
    read_frames,
    train_with_seed,
    training_replicas,
)
from openmm_stegmn.data import WindowSet, describe_molecule
from openmm_stegmn.models import ModelSpec, build_model
from openmm_stegmn.systems import build_system
from openmm_stegmn.training import TrainingConfig, choose_device, measure_likelihood

MOLECULE, TEMPERATURE, INTERVAL = "alanine-dipeptide", 300.0, 0.5
# ps
TIMES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
# Windows that likelihood is measured on
LIKELY = 2000


def main():
    """Run the command line."""
    options = parse()
    replicas = training_replicas(options.data, MOLECULE, options.nanoseconds, options.processes)
    jobs = [
        Job(tuple(replicas), history, options.steps, options.jumps, options.device, seed)
        for history in options.histories
        for seed in range(options.seeds)
    ]
    records = make_records(jobs, RecordFile(options.output), processes=options.processes)
    print(table(records))


@dataclass(frozen=True)
class Job:
    """Train one model, and measure it."""

    replicas: tuple
    """Files; the last two are for test and validation."""
    history: int
    steps: int
    jumps: int
    """Of each hybrid run."""
    device: str
    seed: int

    @property
    def key(self):
        count = len(self.replicas) - 2
        name = f"{self.history} frames"
        return ("window_dynamics", "ff14SB, OBC2", MOLECULE, name, self.seed, "all", count)

    @property
    def identity(self):
        """What decides the numbers beside the key."""
        return {"training": dataclasses.asdict(self.training), "jumps": self.jumps, "times": TIMES}

    @property
    def title(self):
        return f"{self.history} frames, seed {self.seed}"

    @property
    def training(self):
        return TrainingConfig(steps=self.steps, validate_every=100, seed=self.seed)

    @property
    def path(self):
        """Of the model."""
        name = f"window-{self.history}-seed-{self.seed}-steps-{self.steps}.safetensors"
        return Path(self.replicas[0]).parent / name

    def run(self) -> Record:
        molecule, seconds = build_system(), 0.0
        *training, test, validation = read_frames(self.replicas)
        device = choose_device(self.device)
        reach = self.history - 1 + round(max(TIMES) / INTERVAL)
        if not self.path.exists():
            windows = {
                "training": WindowSet.from_trajectories(training, reach),
                "validation": WindowSet.from_trajectories([validation], reach),
            }
            model, seconds = train_with_seed(
                lambda: self.untrained(molecule), windows, self.training, device
            )
            save_model(model, self.path)
        model = load_model(self.path)
        windows = WindowSet.from_trajectories([test], reach).subset(LIKELY)
        likelihood = measure_likelihood(model.to(device), windows)
        model.cpu()
        accepted = {
            guard: {f"{ahead:g} ps": self.accepted(molecule, ahead, guard) for ahead in TIMES}
            for guard in ("energy", "metropolis")
            # Of one frame Metropolis makes exact moves, which take no time.
            if guard == "energy" or self.history > 1
        }
        details = {"likelihood": likelihood, "accepted": accepted, "device": device}
        return Record(*self.key, None, None, seconds, self.identity, details)

    def untrained(self, molecule):
        spec = ModelSpec(
            architecture="stegmn-proposal", history=self.history, frame_interval=INTERVAL,
            temperature=TEMPERATURE,
            config={"lags": [round(ahead / INTERVAL) for ahead in TIMES], "lag": 10},
            **describe_molecule(molecule.topology, molecule.system),
        )  # fmt: skip
        return build_model(spec)

    def accepted(self, molecule, ahead, guard):
        """Share of the jumps of a hybrid run that are accepted."""
        propagator = STEGMNPropagator(
            system := openmm.XmlSerializer.clone(molecule.system), molecule.topology,
            load_model(self.path), openmm.LangevinMiddleIntegrator(TEMPERATURE, 1.0, 0.002),
            guard=guard, jump_time=ahead, md_frames=10, seed=self.seed + 1,
        )  # fmt: skip
        platform = openmm.Platform.getPlatformByName("Reference")
        simulation = app.Simulation(molecule.topology, system, propagator, platform)
        simulation.context.setPositions(molecule.positions)
        simulation.minimizeEnergy()
        simulation.context.setVelocitiesToTemperature(TEMPERATURE, self.seed + 1)
        while propagator.statistics.attempted < self.jumps:
            simulation.step(propagator.steps_to_next_frame())
        return propagator.statistics.accepted / propagator.statistics.attempted


def table(records):
    """Markdown; means over seeds."""
    times = [f"{ahead:g} ps" for ahead in TIMES]
    lines = ["| | " + " | ".join(times) + " |", "|" + " --- |" * (1 + len(times))]
    kinds = {}
    for record in records:
        details = record.details
        rows = {"nats a bond": (details["likelihood"], "{:.3f}")}
        for guard, found in details["accepted"].items():
            rows[f"accepted, {guard}"] = (found, "{:.1%}")
        for what, row in rows.items():
            kinds.setdefault((record.model, what), []).append(row)
    for (model, what), rows in kinds.items():
        means = [sum(found[each] for found, _ in rows) / len(rows) for each in times]
        cells = [rows[0][1].format(mean) for mean in means]
        lines.append(f"| {model}: {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def parse():
    """Options; the defaults are small."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("sampling"), help="gets what it lacks")
    parser.add_argument("--nanoseconds", type=float, default=1.0, help="to train on")
    parser.add_argument("--histories", type=int, nargs="+", default=[10, 1], help="T")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jumps", type=int, default=200, help="of each hybrid run")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, default=Path("window_dynamics.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
