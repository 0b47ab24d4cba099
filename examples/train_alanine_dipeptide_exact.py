"""Train the packaged model of exact moves of alanine dipeptide, from nothing: simulate, train,
measure how many moves are accepted, save.

    python examples/train_alanine_dipeptide_exact.py --output alanine-dipeptide-exact.safetensors

The trajectories are plain Langevin dynamics of the packaged structure (ff14SB, OBC2 implicit
solvent, 300 K), some of them begun with φ turned to +60°, a basin that dynamics from elsewhere
hardly ever finds. What share of the frames lies there changes how often moves go there, but not
the ensemble: the acceptance test sees to that.
"""

import argparse
import json
import logging
import math
import time

import torch

from openmm_stegmn.data import WindowSet, describe_molecule, simulate_replicas
from openmm_stegmn.models import ModelSpec, build_model, save_model
from openmm_stegmn.systems import DEFAULT_FORCEFIELDS, build_system
from openmm_stegmn.training import TrainingConfig, measure_acceptance, record_provenance, train
from openmm_stegmn.units import to_angstrom, to_nm

RECORDED_EVERY = 0.5  # ps


def main():
    """Run the command line."""
    options = parse()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    molecule = build_system()
    model = build(molecule, options)
    start = time.perf_counter()
    usual = simulate(molecule, molecule.positions, options.replicas + 2, options.seed, options)
    turned = turn_phi(model, molecule, math.pi / 3)
    rare = simulate(molecule, turned, options.rare_replicas, options.seed + 1000, options)
    print(f"simulated in {time.perf_counter() - start:.0f} s", flush=True)

    # the last two of the usual ones are for validation and test
    training = WindowSet.from_trajectories(usual[:-2] + rare, history=max(options.lags))
    validation = WindowSet.from_trajectories(usual[-2:-1], history=max(options.lags))
    config = TrainingConfig(
        steps=options.steps, batch_size=options.batch_size, validate_every=100, seed=options.seed
    )
    start = time.perf_counter()
    train(model, training, config, validation=validation)
    print(f"trained in {time.perf_counter() - start:.0f} s", flush=True)
    test = usual[-1][:: max(1, len(usual[-1]) // options.test_frames)]
    found = measure_acceptance(model, molecule.system, test, options.temperature)
    print(json.dumps(found.as_dict(), indent=1))
    record_provenance(
        model,
        script="examples/train_alanine_dipeptide_exact.py",
        options={name: value for name, value in vars(options).items() if name != "output"},
        force_field=list(DEFAULT_FORCEFIELDS),
        acceptance=found.as_dict(),
    )
    save_model(model, options.output)
    print(f"saved {options.output}")


def build(molecule, options):
    """An untrained model; its initial weights depend on the seed alone."""
    torch.manual_seed(options.seed)
    spec = ModelSpec(
        architecture="stegmn-proposal", history=1, frame_interval=RECORDED_EVERY,
        temperature=options.temperature,
        config={"components": options.components, "lags": [None, *options.lags]},
        **describe_molecule(molecule.topology, molecule.system),
    )  # fmt: skip
    return build_model(spec)


def simulate(molecule, positions, replicas, seed, options):
    """Trajectories of some seeds."""
    n_frames = round(1000 * options.nanoseconds / options.replicas / RECORDED_EVERY)
    return simulate_replicas(
        molecule.system, positions, range(seed, seed + replicas), n_frames,
        frame_interval=RECORDED_EVERY, temperature=options.temperature,
        processes=options.processes,
    )  # fmt: skip


def turn_phi(model, molecule, phi):
    """Positions, nm, with another φ."""
    body = model.context.body
    frame = torch.from_numpy(to_angstrom(molecule.positions))
    names = list(zip(model.spec.residue_names, model.spec.atom_names, strict=True))
    axis = {names.index(("ALA", "N")), names.index(("ALA", "CA"))}
    bond = [set(atoms[1:3]) for atoms in body.torsion_atoms.tolist()].index(axis)
    angles = torch.zeros(body.n_bonds, dtype=frame.dtype)
    angles[bond] = phi - body.torsions(frame)[bond]
    return to_nm(body.move(frame, angles)[0].numpy())


def parse():
    """Options; the defaults make the packaged model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="alanine-dipeptide-exact.safetensors")
    parser.add_argument("--nanoseconds", type=float, default=12.0, help="in the usual replicas")
    parser.add_argument("--replicas", type=int, default=12, help="and two more to measure on")
    parser.add_argument("--rare-replicas", type=int, default=4, help="begun at φ = +60°")
    parser.add_argument("--processes", type=int, default=1, help="replicas simulated at a time")
    parser.add_argument("--temperature", type=float, default=300.0, help="K")
    parser.add_argument("--components", type=int, default=48)
    parser.add_argument(
        "--lags", type=int, nargs="+", default=[2, 10, 40],
        help="times, in frames of 0.5 ps, that are trained beside the equilibrium",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--test-frames", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2026)
    return parser.parse_args()


if __name__ == "__main__":
    main()
