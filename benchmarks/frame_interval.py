"""Which frame interval: accuracy, and what a jump does to the energy, at several.

    python benchmarks/frame_interval.py --output frame_interval.json

For each interval a STEGMN and the linear baselines are trained on the same plain molecular dynamics
of alanine dipeptide (ff14SB, OBC2, 300 K) and measured on trajectories from other seeds: error in
torsions and positions, energy of the jumped frame minus energy of the frame before, and how many
jumps rise by less than 10 kT.
"""

import argparse
import json
import logging
import time

import openmm
import torch

from openmm_stegmn.data import (
    WindowSet,
    describe_molecule,
    simulate_replicas,
    superpose_windows,
)
from openmm_stegmn.mechanics import superpose
from openmm_stegmn.models import MODELS, ModelSpec, build_model
from openmm_stegmn.systems import build_system
from openmm_stegmn.training import TrainingConfig, accuracy_table, evaluate, train
from openmm_stegmn.units import GAS_CONSTANT, to_nm

RECORDED_EVERY = 0.1  # ps
TEMPERATURE = 300.0


def main():
    """Run the command line."""
    options = parse()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    molecule = build_system()
    describe = describe_molecule(molecule.topology, molecule.system)
    n_frames = round(1000 * options.nanoseconds / RECORDED_EVERY)
    start = time.perf_counter()
    trajectories = simulate_replicas(
        molecule.system, molecule.positions, range(1, options.replicas + 3), n_frames,
        frame_interval=RECORDED_EVERY, processes=options.processes,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    print(
        f"simulated {len(trajectories)} × {options.nanoseconds:g} ns in {seconds:.0f} s", flush=True
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    records = []
    for interval in options.intervals:
        stride = round(interval / RECORDED_EVERY)
        training = WindowSet.from_trajectories(trajectories[:-2], options.history, stride)
        test = WindowSet.from_trajectories(trajectories[-2:], options.history, stride).subset(4000)
        accuracies = {}
        for name in options.models or MODELS:
            spec = ModelSpec(
                architecture=name,
                history=options.history,
                frame_interval=interval,
                temperature=TEMPERATURE,
                **describe,
            )
            torch.manual_seed(options.seed)
            start = time.perf_counter()
            config = TrainingConfig(
                steps=options.steps, batch_size=options.batch_size, seed=options.seed
            )
            model = train(build_model(spec), training, config, progress=False)
            seconds = time.perf_counter() - start
            accuracies[name] = evaluate(model.to(device), test)
            rise = energy_rise(model, test.subset(1000).to(device), molecule.system)
            quantiles = rise.quantile(torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)).tolist()
            accepted = (rise <= 10 * GAS_CONSTANT * TEMPERATURE).double().mean().item()
            records.append(
                {"benchmark": "frame_interval", "interval_ps": interval, "model": name,
                 "train_seconds": seconds, "energy_rise_quantiles": quantiles,
                 "below_10_kT": accepted, **accuracies[name].as_dict()}
            )  # fmt: skip
            low, middle, high = quantiles
            print(
                f"{interval:g} ps {name}: ΔU {middle:.1f} [{low:.1f}, {high:.1f}], "
                f"{accepted:.1%}, {seconds:.0f} s",
                flush=True,
            )
        print(
            f"\nframe interval {interval:g} ps\n\n{accuracy_table(accuracies, model)}\n", flush=True
        )
        floor, heavy_floor = articulated_floor(model.cpu(), test)
        records.append(
            {"benchmark": "frame_interval", "interval_ps": interval, "model": "articulated floor",
             "position_mse": floor, "position_mse_heavy": heavy_floor}
        )  # fmt: skip
        print(
            f"articulated floor: MSE {floor:.4f} Å², heavy atoms {heavy_floor:.4f} Å²", flush=True
        )
        with open(options.output, "w") as file:
            json.dump(records, file, indent=1)


@torch.no_grad()
def articulated_floor(model, windows):
    """Mean square error (Å²) of the true torsions on the last frame's lengths and angles.

    For all atoms and for heavy ones: what no prediction that turns bonds only can go below.
    """
    body, masses = model.context.body, model.context.masses
    window, target = superpose_windows(*windows.take(slice(None)), masses)
    angles, _, _ = body.increments(window[:, -1], target)
    frame = superpose(body.move(window[:, -1], angles)[0], target, masses.to(target))
    square = (frame - target).square().mean(-1)
    heavy = [element != "H" for element in model.spec.elements]
    return square.mean().item(), square[:, heavy].mean().item()


@torch.no_grad()
def energy_rise(model, windows, system):
    """Energy after the jump minus energy before, kJ/mol, for each window."""
    context = openmm.Context(
        openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(system)),
        openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"),
    )  # fmt: skip

    def energy(frame):
        context.setPositions(to_nm(frame.double().numpy()))
        return context.getState(energy=True).getPotentialEnergy()._value

    window, _ = windows.take(slice(None))
    before = window[:, -1].double()
    batches = zip(window.split(250), before.split(250), strict=True)
    after = torch.cat([model.jump(w, b)[0] for w, b in batches]).cpu()
    before = before.cpu()
    return torch.tensor(
        [energy(y) - energy(x) for x, y in zip(before, after, strict=True)], dtype=torch.float64
    )


def parse():
    """Options; the defaults give the figures in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--intervals", type=float, nargs="+", default=[0.1, 0.5, 1, 2, 10], help="ps"
    )
    parser.add_argument("--models", nargs="+", help="names in the registry; all by default")
    parser.add_argument("--history", type=int, default=10)
    parser.add_argument("--nanoseconds", type=float, default=3.0, help="of each replica")
    parser.add_argument("--replicas", type=int, default=14, help="to train on; two more to test on")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--output", default="frame_interval.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
