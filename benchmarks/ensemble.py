"""Does a hybrid run sample the ensemble of its temperature? The checks of physical_validation.

    python benchmarks/ensemble.py --output ensemble.json

Alanine dipeptide at two temperatures, each by plain dynamics, by exact jumps, and by the
deterministic jumps of the packaged mean model under the energy guard, which are not exact: a check
that cannot tell those apart would be worth little. Of each:

- *potential energy*: at two temperatures the logarithm of the ratio of its distributions is a
  straight line whose slope is the difference of 1/kT (Shirts 2013). Told is how many standard
  errors the slope is off.
- *kinetic energy* of the physical frames: the temperatures that its mean and its width give, off
  the true one, in standard errors.

Within 3 is a pass.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import openmm
import physical_validation
import torch
from openmm import app, unit

from openmm_stegmn import STEGMNPropagator, load_model
from openmm_stegmn.systems import build_system
from openmm_stegmn.units import GAS_CONSTANT

KINDS = {
    "plain MD": None,
    "exact jumps": ("alanine-dipeptide-exact", {"guard": "metropolis", "md_frames": 1}),
    "deterministic jumps, not exact": ("alanine-dipeptide", {"guard": "energy", "md_frames": 10}),
}
INTERVAL = 1.0  # between physical frames, ps


def main():
    """Run the command line."""
    options = parse()
    torch.set_num_threads(1)
    records = []
    print("| | frames | slope of potential energies | kinetic energy, mean | width |")
    print("| --- | --- | --- | --- | --- |")
    for name, kind in KINDS.items():
        runs = [simulate(kind, t, options) for t in options.temperatures]
        found = {"kind": name, "frames": len(runs[0][0]), **judge(runs, options)}
        records.append(found | {"benchmark": "ensemble", "temperatures": options.temperatures})
        kinetic = zip(*found["kinetic"], strict=True)
        cells = [", ".join(f"{value:+.1f}" for value in part) for part in kinetic]
        print(
            f"| {name} | {found['frames']:,} | {found['slope']:.1f} | {cells[0]} | {cells[1]} |",
            flush=True,
        )
    options.output.write_text(json.dumps(records, indent=1) + "\n")


def simulate(kind, temperature, options):
    """Potential energies of all frames, and kinetic ones of the physical frames, kJ/mol."""
    molecule = build_system()
    integrator = openmm.LangevinMiddleIntegrator(temperature, 1.0, 0.002)
    integrator.setRandomNumberSeed(options.seed)
    if kind is not None:
        model = load_model(kind[0])
        integrator = STEGMNPropagator(
            molecule.system, molecule.topology, model, integrator, temperature=temperature,
            seed=options.seed, **kind[1],
        )  # fmt: skip
    simulation = app.Simulation(
        molecule.topology, molecule.system, integrator,
        openmm.Platform.getPlatformByName("Reference"),
    )  # fmt: skip
    context = simulation.context
    context.setPositions(molecule.positions)
    simulation.minimizeEnergy()
    context.setVelocitiesToTemperature(temperature, options.seed)
    steps = round(INTERVAL / 0.002)
    potential, kinetic = [], []
    equilibration = round(50 / INTERVAL)
    while len(potential) < options.frames + equilibration:
        simulation.step(steps if kind is None else integrator.steps_to_next_frame())
        if kind is not None and not integrator.at_frame():
            continue
        state = context.getState(energy=True)
        potential.append(state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole))
        if kind is None or integrator.last_frame.accepted < 0:
            kinetic.append(state.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole))
    return np.array(potential[equilibration:]), np.array(kinetic[equilibration:])


def judge(runs, options):
    """Deviations in standard errors."""
    system = build_system().system
    masses = [system.getParticleMass(n)._value for n in range(system.getNumParticles())]
    about = physical_validation.data.SystemData(
        natoms=len(masses), nconstraints=system.getNumConstraints(), ndof_reduction_tra=3,
        ndof_reduction_rot=0, mass=np.array(masses),
    )  # fmt: skip
    units = physical_validation.data.UnitData(
        kb=GAS_CONSTANT, energy_conversion=1.0, length_conversion=1.0, volume_conversion=1.0,
        temperature_conversion=1.0, pressure_conversion=1.0, time_conversion=1.0,
    )  # fmt: skip
    potential, kinetic = [], []
    for temperature, (energies, kinetics) in zip(options.temperatures, runs, strict=True):
        ensemble = physical_validation.data.EnsembleData(
            "NVT", natoms=len(masses), volume=1.0, temperature=temperature
        )
        for values, series in ((energies, potential), (kinetics, kinetic)):
            name = "potential_energy" if series is potential else "kinetic_energy"
            observables = physical_validation.data.ObservableData(**{name: values})
            series.append(
                physical_validation.data.SimulationData(
                    units=units, ensemble=ensemble, system=about, observables=observables
                )
            )
    slope = physical_validation.ensemble.check(
        *potential, verbosity=0, bootstrap_error=True, bootstrap_seed=options.seed
    )
    return {
        "slope": float(slope[0]),
        "kinetic": [
            [
                float(value)
                for value in physical_validation.kinetic_energy.distribution(
                    data, strict=False, verbosity=0, bootstrap_seed=options.seed
                )
            ]
            for data in kinetic
        ],
    }


def parse():
    """Options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000, help="of each run")
    parser.add_argument("--temperatures", type=float, nargs=2, default=[300.0, 315.0], help="K")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("ensemble.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
