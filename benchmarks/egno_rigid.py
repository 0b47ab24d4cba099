"""EGNO in a constraint-preserving form drives a propagator, beside STEGMN on the same data.

    python benchmarks/egno_rigid.py

``egno-rigid`` predicts several frames in one evaluation, which are read as turns of rotatable
bonds, so that every constraint holds; STEGMN makes as many one after the other. Both are trained on
the same plain dynamics of alanine dipeptide (ff14SB, OBC2, 300 K), for one frame and for five, and
drive hybrid simulations on Reference, a leg of ten frames and a jump in turn: acceptance,
constraint error and cost of a jump. Accuracy is that of the frame a jump goes to, on dynamics of
other seeds. About 25 minutes on one core.
"""

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import torch
from _ensemble import read_torsions
from _runs import run_hybrid

from openmm_stegmn.benchmarks import BenchmarkTable
from openmm_stegmn.data import WindowSet, describe_molecule, simulate_replicas
from openmm_stegmn.models import ModelSpec, build_model, save_model
from openmm_stegmn.runs import RunSettings
from openmm_stegmn.systems import build_system
from openmm_stegmn.training import TrainingConfig, evaluate, train

HISTORY = 10
PARTS = ("training", "validation", "test")
BASELINES = ("persistence", "linear-ar", "torsion-linear-ar")
NETWORKS = ("egno-rigid", "stegmn")


def main():
    options = parse()
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    options.work.mkdir(parents=True, exist_ok=True)
    molecule, records = build_system(), []
    frames = {part: simulated(molecule, options, part) for part in PARTS}
    for horizon in options.horizons:
        for name in (*NETWORKS, *BASELINES):
            record = measured(name, horizon, molecule, frames, options)
            if name in NETWORKS:
                record |= driven(name, horizon, options)
            records.append(record)
            options.output.write_text(json.dumps(records, indent=1) + "\n")
    print("\n" + table(records).markdown())


def simulated(molecule, options, part):
    """Frames of plain dynamics, a trajectory a replica; parts have seeds of their own."""
    first = options.seed + 100 * PARTS.index(part)
    seeds = range(first, first + (options.replicas if part == "training" else 1))
    return simulate_replicas(
        molecule.system, molecule.positions, seeds,
        round(options.length_of_replicas / options.frame_interval),
        frame_interval=options.frame_interval,
    )  # fmt: skip


def measured(name, horizon, molecule, frames, options):
    """Train a model for a horizon, and measure the frame that it jumps to."""
    reach = HISTORY + horizon - 1
    windows = {part: WindowSet.from_trajectories(frames[part], reach) for part in PARTS}
    torch.manual_seed(options.seed)
    spec = ModelSpec(
        architecture=name, history=HISTORY, horizon=horizon,
        frame_interval=options.frame_interval,
        **describe_molecule(molecule.topology, molecule.system),
    )  # fmt: skip
    config = TrainingConfig(steps=options.steps, batch_size=options.batch_size, seed=options.seed)
    model = train(
        build_model(spec), windows["training"], config,
        validation=windows["validation"].subset(500), progress=False,
    )  # fmt: skip
    save_model(model, options.work / f"{name}-{horizon}.safetensors")
    accuracy = evaluate(model, windows["test"])
    record = {
        "model": name, "horizon": horizon, "windows": len(windows["training"]),
        "training": {"steps": options.steps, "batch_size": options.batch_size},
        "accuracy": accuracy.as_dict(),
        "parameters": sum(p.numel() for p in model.parameters()),
    }  # fmt: skip
    print(f"{name}, {horizon} frames: {accuracy.mean_torsion_rmse:.1f} degrees", flush=True)
    return record


def driven(name, horizon, options):
    """A hybrid simulation with the model, a single guard a jump."""
    folder = options.work / f"{name}-{horizon}"
    settings = RunSettings(
        platform="Reference", model=str(options.work / f"{name}-{horizon}.safetensors"),
        length=options.length, seed=options.seed, md_frames=HISTORY, jumps=1,
    )  # fmt: skip
    result = run_hybrid(settings, folder, label=folder.name)
    _, data, nonfinite = read_torsions(folder / "topology.pdb", folder / "hybrid.h5md")
    rises = data["energy_change"][data["accepted"] >= 0]
    return {
        "hybrid": result,
        "nonfinite_numbers": nonfinite,
        "energy_change": {
            "mean": float(rises.mean()),
            "error": float(rises.std(ddof=1) / np.sqrt(len(rises))),
            "largest": float(rises.max()),
        },
    }


def table(records):
    """What each model does, a row each."""
    head = [
        "model", "frames", "torsions (°)", "heavy atoms (Å²)", "jumps", "accepted", "ΔU (kJ/mol)",
        "largest", "worst constraint error", "T legs (K)", "ms a jump", "ms a frame", "ns/day",
    ]  # fmt: skip
    rows = []
    for record in records:
        accuracy, row = record["accuracy"], [record["model"], f"{record['horizon']}"]
        row += [f"{accuracy['mean_torsion_rmse']:.1f}", f"{accuracy['position_mse_heavy']:.3f}"]
        if "hybrid" not in record:
            rows.append(row + ["–"] * (len(head) - len(row)))
            continue
        run, rise = record["hybrid"], record["energy_change"]
        statistics, legs = run["statistics"], run["temperature"]["legs"]
        rows.append(
            [
                *row, f"{statistics['attempted']:,}", f"{run['acceptance']:.1%}",
                f"{rise['mean']:.1f} ± {rise['error']:.1f}", f"{rise['largest']:.1f}",
                f"{statistics['worst_constraint_error']:.1e}",
                f"{legs['mean']:.1f} ± {legs['error']:.1f}", f"{run['ms_per_jump']:.1f}",
                f"{run['ms_per_jump'] / record['horizon']:.1f}", f"{run['ns_per_day']:,.0f}",
            ]
        )  # fmt: skip
    return BenchmarkTable("egno-rigid and stegmn, alanine dipeptide, 1 ps a frame", head, rows)


def parse():
    """Options; the defaults give the figures in RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--horizons", type=int, nargs="+", default=[1, 5], help="frames of a jump")
    parser.add_argument("--frame-interval", type=float, default=1.0, help="ps")
    parser.add_argument("--replicas", type=int, default=4, help="for training")
    parser.add_argument("--length-of-replicas", type=float, default=1500.0, help="ps")
    parser.add_argument("--steps", type=int, default=600, help="of training")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--length", type=float, default=3000.0, help="of each hybrid run, ps")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--work", type=Path, default=Path("egno-rigid"))
    parser.add_argument("--output", type=Path, default=Path("egno_rigid.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
