"""Train the packaged alanine dipeptide model, from nothing: simulate, train, compare with the
baselines, save.

    python examples/train_alanine_dipeptide.py --output alanine-dipeptide.safetensors

The trajectory is plain Langevin dynamics of the packaged structure (ff14SB, OBC2 implicit solvent,
300 K); accuracy is measured on trajectories from other seeds. A GPU is used for training if there
is one; without one, take fewer ``--steps`` and a smaller ``--batch-size``.
"""

import argparse
import logging
import time

import torch

from openmm_stegmn.data import WindowSet, describe_molecule, simulate_replicas
from openmm_stegmn.models import MODELS, ModelSpec, build_model, save_model
from openmm_stegmn.systems import DEFAULT_FORCEFIELDS, build_system
from openmm_stegmn.training import (
    TrainingConfig,
    accuracy_table,
    evaluate,
    record_provenance,
    train,
)

RECORDED_EVERY = 0.1  # ps; frame intervals are multiples of this


def main():
    """Run the command line."""
    options = parse()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    molecule = build_system()
    n_frames = round(1000 * options.nanoseconds / RECORDED_EVERY / options.replicas)
    seeds = range(options.seed, options.seed + options.replicas + options.test_replicas)
    print(
        f"simulating {len(seeds)} replicas of {n_frames * RECORDED_EVERY / 1000:g} ns", flush=True
    )
    start = time.perf_counter()
    trajectories = simulate_replicas(
        molecule.system, molecule.positions, seeds, n_frames, frame_interval=RECORDED_EVERY,
        temperature=options.temperature, processes=options.processes,
    )  # fmt: skip
    print(f"{time.perf_counter() - start:.0f} s", flush=True)

    stride = round(options.frame_interval / RECORDED_EVERY)
    training = WindowSet.from_trajectories(
        trajectories[: options.replicas], options.history, stride
    )
    test = WindowSet.from_trajectories(
        trajectories[options.replicas :], options.history, stride
    ).subset(5000)
    names = [name for name, (cls, _) in MODELS.items() if cls.closed_form] + ["stegmn"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    accuracies = {}
    for name in names:
        start = time.perf_counter()
        model = build(name, molecule, options)
        config = TrainingConfig(
            steps=options.steps, batch_size=options.batch_size, seed=options.seed
        )
        train(model, training, config)
        accuracies[name] = evaluate(model.to(device), test)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    print(accuracy_table(accuracies, model))
    record_provenance(
        model.cpu(),
        script="examples/train_alanine_dipeptide.py",
        options={name: value for name, value in vars(options).items() if name != "output"},
        force_field=list(DEFAULT_FORCEFIELDS),
        trajectory=f"{options.nanoseconds:g} ns of Langevin dynamics in {options.replicas} "
        f"replicas, 2 fs, a frame every {RECORDED_EVERY} ps",
        accuracy={name: accuracy.as_dict() for name, accuracy in accuracies.items()},
    )
    save_model(model, options.output)
    print(f"saved {options.output}")


def build(name, molecule, options):
    """An untrained model; its initial weights depend on the seed alone."""
    torch.manual_seed(options.seed)
    config = {"hidden": options.hidden, "channels": options.channels} if name == "stegmn" else {}
    spec = ModelSpec(
        architecture=name, history=options.history, frame_interval=options.frame_interval,
        temperature=options.temperature, config=config,
        **describe_molecule(molecule.topology, molecule.system),
    )  # fmt: skip
    return build_model(spec)


def parse():
    """Options; the defaults make the packaged model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="alanine-dipeptide.safetensors")
    parser.add_argument("--frame-interval", type=float, default=1.0, help="ps")
    parser.add_argument("--history", type=int, default=10, help="frames in a window")
    parser.add_argument(
        "--nanoseconds", type=float, default=30.0, help="of training trajectory in all"
    )
    parser.add_argument("--replicas", type=int, default=12)
    parser.add_argument("--test-replicas", type=int, default=4)
    parser.add_argument("--processes", type=int, default=1, help="replicas simulated at a time")
    parser.add_argument("--temperature", type=float, default=300.0, help="K")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=2026)
    return parser.parse_args()


if __name__ == "__main__":
    main()
