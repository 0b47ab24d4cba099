"""Train the packaged model of exact moves of alanine dipeptide, from nothing: simulate, train,
measure how many moves are accepted, save.

    python examples/train_alanine_dipeptide_exact.py --output alanine-dipeptide-exact.safetensors

The trajectories are plain Langevin dynamics of the packaged structure (ff14SB, OBC2 implicit
solvent, 300 K), those of ``openmm-stegmn benchmark sampling``: one in five begins with φ turned to
+60°, a basin that dynamics from elsewhere hardly ever finds. What share of the frames lies there
changes how often moves go there, but not the ensemble: the acceptance test sees to that.
"""

import argparse
import json
import logging
import time
from pathlib import Path

import torch

from openmm_stegmn.benchmarks import read_frames, training_replicas
from openmm_stegmn.data import WindowSet, describe_molecule
from openmm_stegmn.models import ModelSpec, build_model, save_model
from openmm_stegmn.systems import DEFAULT_FORCEFIELDS, build_system
from openmm_stegmn.training import (
    FineTuneConfig,
    TrainingConfig,
    choose_device,
    fine_tune,
    measure_acceptance,
    record_provenance,
    train,
)

RECORDED_EVERY, TEMPERATURE = 0.5, 300.0  # ps, K: of the replicas


def main():
    """Run the command line."""
    options = parse()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    molecule = build_system()
    model = build(molecule, options)
    start = time.perf_counter()
    *usual, test, validation = read_frames(
        training_replicas(options.data, "alanine-dipeptide", options.nanoseconds, options.processes)
    )
    print(f"simulated in {time.perf_counter() - start:.0f} s", flush=True)

    training, validating = (
        WindowSet.from_trajectories(frames, history=max(1, model.segment))
        for frames in (usual, [validation])
    )
    config = TrainingConfig(
        steps=options.steps, batch_size=options.batch_size, validate_every=100, seed=options.seed
    )
    start = time.perf_counter()
    train(model, training, config, validation=validating)
    print(f"trained in {time.perf_counter() - start:.0f} s", flush=True)
    test, validation = (
        frames[:: max(1, len(frames) // options.test_frames)] for frames in (test, validation)
    )
    found = report(model, molecule, test, "by likelihood")
    if options.fine_tune:
        start = time.perf_counter()
        fine_tune(
            model, molecule.system, training.frames, TEMPERATURE,
            FineTuneConfig(steps=options.fine_tune, seed=options.seed), validation=validation,
            device=choose_device("auto"),
        )  # fmt: skip
        print(f"fine-tuned in {time.perf_counter() - start:.0f} s", flush=True)
        found = report(model, molecule, test, "fine-tuned")
    record_provenance(
        model,
        script="examples/train_alanine_dipeptide_exact.py",
        options={
            name: value for name, value in vars(options).items() if name not in ("output", "data")
        },
        force_field=list(DEFAULT_FORCEFIELDS),
        acceptance=found.as_dict(),
    )
    save_model(model, options.output)
    print(f"saved {options.output}")


def report(model, molecule, frames, when):
    """Measure acceptance, and tell it."""
    found = measure_acceptance(model, molecule.system, frames, TEMPERATURE)
    print(when, json.dumps(found.as_dict(), indent=1), flush=True)
    return found


def build(molecule, options):
    """An untrained model; its initial weights depend on the seed alone."""
    torch.manual_seed(options.seed)
    spec = ModelSpec(
        architecture="stegmn-proposal", history=1, frame_interval=RECORDED_EVERY,
        temperature=TEMPERATURE,
        config={"components": options.components, "lags": [None, *options.lags]},
        **describe_molecule(molecule.topology, molecule.system),
    )  # fmt: skip
    return build_model(spec)


def parse():
    """Options; the defaults make the packaged model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="alanine-dipeptide-exact.safetensors")
    parser.add_argument("--data", type=Path, default=Path("sampling"), help="gets what it lacks")
    parser.add_argument("--nanoseconds", type=float, default=36.0, help="in replicas of 1 ns")
    parser.add_argument("--processes", type=int, default=1, help="replicas simulated at a time")
    parser.add_argument("--components", type=int, default=48)
    parser.add_argument(
        "--lags", type=int, nargs="*", default=[2, 10, 40],
        help="times, in frames of 0.5 ps, that are trained beside the equilibrium",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument(
        "--fine-tune", type=int, default=0,
        help="steps, for acceptance at equilibrium; densities of other times suffer",
    )  # fmt: skip
    parser.add_argument("--test-frames", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2026)
    return parser.parse_args()


if __name__ == "__main__":
    main()
