"""Exact jumps of a peptide in TIP3P water: at once, and walked in sub-steps.

    python benchmarks/exact_explicit.py --output exact_explicit.json
    python benchmarks/exact_explicit.py --molecule chignolin --block 3 --platform CUDA \\
        --substeps 10 20 50 100 --steps 10 20 40 --output chignolin_explicit.json

A model of exact moves that was trained in implicit solvent (where none is packaged or named, it is
trained first, and kept beside the output) turns the peptide in a box of water (PME, 2 fs, 300 K),
whose acceptance test has all energies. `k x m`: k sub-steps with m steps of the water between; `1`
moves the peptide at fixed water, and `1ofn` with n trials. Legs of 0.5 ps. `plain` is dynamics
alone, for the same wall time. Effective samples are of the cosine or sine of the φ and of the ψ
that has fewest, by the integrated autocorrelation time of the run itself. Temperatures are those of
all atoms at the ends of legs.
"""

import argparse
import copy
import itertools
import json
import time
from pathlib import Path

import numpy as np
import openmm
import torch
from _ensemble import block_mean, plus_minus
from openmm import app, unit

from openmm_stegmn import ModelSpec, STEGMNPropagator, build_model, load_model, save_model
from openmm_stegmn.analysis import effective_samples
from openmm_stegmn.data import WindowSet, describe_molecule, simulate_replicas
from openmm_stegmn.mechanics import dihedral
from openmm_stegmn.systems import build_system, choose_platform, packaged_structure
from openmm_stegmn.training import TrainingConfig, train
from openmm_stegmn.units import GAS_CONSTANT

PACKAGED = {"alanine-dipeptide": "alanine-dipeptide-exact", "tetraalanine": None, "chignolin": None}
# Steps of 2 fs
LEG = 250
TRAINED_EVERY = 0.5  # ps
PHYSICS = set(range(31))


def main():
    """Run the command line."""
    options = parse()
    torch.set_num_threads(1)
    model = load_model(options.model or PACKAGED[options.molecule] or trained(options))
    topology, system, positions = solvated(options.molecule, options.padding)
    state, records = equilibrated(system, positions, options), []
    print(f"{options.molecule}, {system.getNumParticles()} atoms, {model.source.name}")
    head = ["moves", "jumps", "of trials accepted", "of jumps moved", "ΔE, median (kJ/mol)"]
    head += ["a jump (s)", "a leg (s)", "frames", "effective φ /s", "ψ /s", "T (K)"]
    print("| " + " | ".join(head) + " |\n" + "|" + " --- |" * len(head))
    for walk in options.walks:
        found = measure(topology, system, state, model, walk, options)
        records.append(found)
        forms = {
            "jumps": "{}", "accepted": "{:.1%}", "moved": "{:.1%}",
            "energy_change_median": "{:+.0f}", "seconds_a_jump": "{:.3f}",
            "seconds_a_leg": "{:.3f}", "frames": "{:,}", "effective_phi_per_second": "{:.4f}",
            "effective_psi_per_second": "{:.4f}",
        }  # fmt: skip
        cells = [
            "–" if found[name] is None else form.format(found[name]) for name, form in forms.items()
        ]
        cells.append(plus_minus(found["temperature"]))
        print("| " + " | ".join([walk, *cells]) + " |", flush=True)
        options.output.write_text(json.dumps(records, indent=1) + "\n")


def trained(options):
    """File of a model, made where it is not there."""
    path = options.output.with_name(f"{options.molecule}-block-{options.block}.safetensors")
    if path.exists():
        return str(path)
    molecule = build_system(packaged_structure(options.molecule))
    platform = choose_platform(options.platform, molecule.system).getName()
    *training, validation = simulate_replicas(
        molecule.system, molecule.positions, [1, 2, 3, 4],
        round(options.training / TRAINED_EVERY / 4), frame_interval=TRAINED_EVERY,
        platform=platform,
    )  # fmt: skip
    torch.manual_seed(options.seed)
    spec = ModelSpec(
        architecture="stegmn-proposal", history=1, frame_interval=TRAINED_EVERY, temperature=300.0,
        config={"lags": [None], "block": options.block},
        **describe_molecule(molecule.topology, molecule.system),
    )  # fmt: skip
    config = TrainingConfig(steps=options.training_steps, batch_size=128, seed=options.seed)
    model = train(
        build_model(spec), WindowSet.from_trajectories(training, 1), config,
        validation=WindowSet.from_trajectories([validation], 1), progress=False,
    )  # fmt: skip
    save_model(model.cpu(), path)
    return str(path)


def solvated(molecule, padding):
    """Topology, system and positions of the peptide in water."""
    forcefield = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    pdb = app.PDBFile(str(packaged_structure(molecule)))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    modeller.addSolvent(forcefield, model="tip3p", padding=padding * unit.nanometer)
    system = forcefield.createSystem(
        modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer,
        constraints=app.HBonds,
    )  # fmt: skip
    return modeller.topology, system, modeller.positions


def equilibrated(system, positions, options):
    """A state after some picoseconds at 300 K and 1 bar."""
    system = copy.deepcopy(system)
    system.addForce(openmm.MonteCarloBarostat(1.0, 300.0))
    context = openmm.Context(
        system, openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.002),
        choose_platform(options.platform, system),
    )  # fmt: skip
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(300.0, options.seed)
    context.getIntegrator().step(round(options.equilibration / 0.002))
    return context.getState(positions=True, velocities=True)


def measure(topology, system, state, model, walk, options):
    """Some jumps in one way, or none."""
    system, jumping = copy.deepcopy(system), walk != "plain"
    integrator, moves = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.002), None
    integrator.setRandomNumberSeed(options.seed)
    if jumping:
        integrator = moves = STEGMNPropagator(
            system, topology, model, integrator, guard="metropolis", md_frames=1,
            seed=options.seed, **ways(walk),
        )  # fmt: skip
    simulation = app.Simulation(
        topology, system, integrator, choose_platform(options.platform, system)
    )
    context = simulation.context
    context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
    context.setPositions(state.getPositions())
    context.setVelocities(state.getVelocities())
    atoms = backbone(topology)
    changes, angles, temperatures, moved = [], [], [], 0
    # whatever is compiled at the first frame, and the first jump
    simulation.step(LEG if moves is None else moves.steps_to_next_frame())
    if moves is not None:
        simulation.step(moves.steps_to_next_frame())
    begun = moves and (moves.statistics, moves.wall_seconds_jumps, moves.wall_seconds_legs)
    start = time.perf_counter()
    # At least a few jumps, then as many as the time allows
    while len(angles) < 10 or time.perf_counter() - start < options.seconds:
        due = moves.steps_to_next_frame() if jumping else LEG
        accepted = moves.statistics.accepted if jumping else 0
        simulation.step(due)
        if jumping and due == 1:
            changes.append(moves.last_frame.energy_change)
            moved += moves.statistics.accepted > accepted
        else:
            temperatures.append(temperature(context))
        positions = context.getState(positions=True).getPositions(asNumpy=True)._value
        angles.append(dihedral(*torch.from_numpy(positions[atoms]).unbind(0)).numpy())
    wall, angles = time.perf_counter() - start, np.array(angles)
    found = dict.fromkeys(
        ("accepted", "moved", "energy_change_median", "seconds_a_jump", "seconds_a_leg", "backend")
    )
    if jumping:
        before, jumps, legs = begun
        attempted = moves.statistics.attempted - before.attempted
        found |= {
            "accepted": (moves.statistics.accepted - before.accepted) / attempted,
            "moved": moved / len(changes),
            "seconds_a_jump": (moves.wall_seconds_jumps - jumps) / len(changes),
            "seconds_a_leg": (moves.wall_seconds_legs - legs) / len(changes),
            "backend": moves.backend,
        }  # fmt: skip
        if "x" in walk:  # at once, of what is refused nothing is told
            found["energy_change_median"] = float(np.median(changes))
    return found | {
        "benchmark": "exact_explicit", "walk": walk, "jumps": len(changes), "wall_seconds": wall,
        "n_atoms": system.getNumParticles(), "frames": len(angles),
        "effective_phi_per_second": rate(angles[:, 0], wall),
        "effective_psi_per_second": rate(angles[:, 1], wall),
        "temperature": block_mean(temperatures), "molecule": options.molecule,
        "model": model.source.name, "model_sha256": model.sha256,
        "platform": context.getPlatform().getName(),
    }  # fmt: skip


def ways(walk):
    """Options of the propagator: of `1`, `1of16`, or `20x10`."""
    if "x" in walk:
        substeps, steps = map(int, walk.split("x"))
        return {"tries": 1, "switch_substeps": substeps, "switch_steps": steps}
    return {"tries": int(walk.partition("of")[2] or 1)}


def temperature(context):
    """Of all atoms, K."""
    system = context.getSystem()
    # dynamics of openmm.app's force fields removes the motion of the centre
    freedom = 3 * system.getNumParticles() - system.getNumConstraints() - 3
    kinetic = context.getState(energy=True, groups=PHYSICS).getKineticEnergy()
    return 2 * kinetic.value_in_unit(unit.kilojoule_per_mole) / (freedom * GAS_CONSTANT)


def backbone(topology):
    """Atoms ``(4, 2, n_residues)`` of φ and ψ of the residues that have both."""
    index = {(atom.residue.index, atom.name): atom.index for atom in topology.atoms()}
    found = []
    for number in range(topology.getNumResidues()):
        chain = [
            (number - 1, "C"),
            *((number, name) for name in ("N", "CA", "C")),
            (number + 1, "N"),
        ]
        if all(name in index for name in chain):
            atoms = [index[name] for name in chain]
            found.append([atoms[:4], atoms[1:]])
    return np.array(found).transpose(2, 1, 0)


def rate(angles, seconds):
    """Effective samples a second of the slowest of angles ``(n_frames, n)``; None where frames are
    too few to tell."""
    samples = min(
        effective_samples(part(angle)) for angle in angles.T for part in (np.cos, np.sin)
    )  # fmt: skip
    return samples / seconds if np.isfinite(samples) else None


def parse():
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--walks", nargs="+", default=["plain", "1", "1of16", "5x10", "20x10", "50x10", "50x40"]
    )
    parser.add_argument("--substeps", type=int, nargs="+", help="with --steps: in place of --walks")
    parser.add_argument("--steps", type=int, nargs="+")
    parser.add_argument("--molecule", choices=list(PACKAGED), default="alanine-dipeptide")
    parser.add_argument("--model", help="of exact moves of the molecule, a file")
    parser.add_argument("--block", type=int, help="most bonds that a move of a trained model turns")
    parser.add_argument("--training", type=float, default=1000.0, help="ps that it is trained on")
    parser.add_argument("--training-steps", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=300.0, help="of each walk")
    parser.add_argument("--padding", type=float, default=1.1, help="nm")
    parser.add_argument("--equilibration", type=float, default=50.0, help="ps")
    parser.add_argument("--platform", default="auto")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("exact_explicit.json"))
    options = parser.parse_args()
    if (options.substeps is None) != (options.steps is None):
        parser.error("--substeps and --steps make a grid: give both")
    if options.substeps:
        grid = itertools.product(options.substeps, options.steps)
        options.walks = ["plain", "1", *(f"{substeps}x{steps}" for substeps, steps in grid)]
    return options


if __name__ == "__main__":
    main()
