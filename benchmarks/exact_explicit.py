"""Exact jumps of alanine dipeptide in TIP3P water: at once, and walked in sub-steps.

    python benchmarks/exact_explicit.py --output exact_explicit.json

The packaged model, which was trained in implicit solvent, turns the peptide in a box of water (PME,
2 fs, 300 K), whose acceptance test has all energies. `k x m`: k sub-steps with m steps of the water
between; `1` moves the peptide at fixed water. Legs of 0.5 ps.
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import openmm
import torch
from openmm import app, unit

from openmm_stegmn import STEGMNPropagator, load_model
from openmm_stegmn.systems import choose_platform, packaged_structure

MODEL = "alanine-dipeptide-exact"


def main():
    """Run the command line."""
    options = parse()
    torch.set_num_threads(1)
    topology, system, positions = solvated(options.padding)
    state, records = equilibrated(system, positions, options), []
    print(f"{system.getNumParticles()} atoms")
    print("| sub-steps x steps | jumps | accepted | ΔE, median (kJ/mol) | a jump (s) | a leg (s) |")
    print("| --- | --- | --- | --- | --- | --- |")
    for walk in options.walks:
        found = measure(topology, system, state, walk, options)
        records.append(found)
        change = found["energy_change_median"]
        print(
            f"| {walk} | {found['jumps']} | {found['accepted']:.1%} | "
            f"{'–' if change is None else f'{change:+.0f}'} | {found['seconds_a_jump']:.2f} | "
            f"{found['seconds_a_leg']:.2f} |",
            flush=True,
        )
        options.output.write_text(json.dumps(records, indent=1) + "\n")


def solvated(padding):
    """Topology, system and positions of the peptide in water."""
    forcefield = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    pdb = app.PDBFile(str(packaged_structure("alanine-dipeptide")))
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


def measure(topology, system, state, walk, options):
    """Some jumps in one way."""
    substeps, steps = (int(part) for part in (walk + "x10").split("x")[:2])
    system = copy.deepcopy(system)
    propagator = STEGMNPropagator(
        system, topology, load_model(MODEL), openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.002),
        guard="metropolis", md_frames=1, tries=1, switch_substeps=substeps, switch_steps=steps,
        seed=options.seed,
    )  # fmt: skip
    simulation = app.Simulation(
        topology, system, propagator, choose_platform(options.platform, system)
    )
    context = simulation.context
    context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
    context.setPositions(state.getPositions())
    context.setVelocities(state.getVelocities())
    changes, start = [], time.perf_counter()
    # At least a few jumps, then as many as the time allows
    while len(changes) < 5 or time.perf_counter() - start < options.seconds:
        due = propagator.steps_to_next_frame()
        simulation.step(due)
        if due == 1:
            changes.append(propagator.last_frame.energy_change)
    statistics = propagator.statistics
    return {
        "benchmark": "exact_explicit", "walk": walk, "jumps": statistics.attempted,
        "n_atoms": system.getNumParticles(), "accepted": statistics.accepted / statistics.attempted,
        # at once, of what is refused nothing is told
        "energy_change_median": float(np.median(changes)) if substeps > 1 else None,
        "seconds_a_jump": propagator.wall_seconds_jumps / statistics.attempted,
        "seconds_a_leg": propagator.wall_seconds_legs / statistics.attempted,
        "platform": context.getPlatform().getName(), "backend": propagator.backend,
    }  # fmt: skip


def parse():
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--walks", nargs="+", default=["1", "5x10", "20x10", "50x10", "50x40"])
    parser.add_argument("--seconds", type=float, default=300.0, help="of each walk")
    parser.add_argument("--padding", type=float, default=1.1, help="nm")
    parser.add_argument("--equilibration", type=float, default=50.0, help="ps")
    parser.add_argument("--platform", default="auto")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("exact_explicit.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
