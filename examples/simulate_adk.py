"""A trajectory of adenylate kinase in implicit solvent, for ``openmm-stegmn benchmark adk``.

    pip install MDAnalysisTests
    python examples/simulate_adk.py --output adk --length 41860
    openmm-stegmn benchmark adk --topology adk/adk.pqr --trajectory adk/frames --superpose core

The structure is the open form that comes with MDAnalysisTests, or one's own (``--pdb``); hydrogens
are placed anew. ff14SB with GBn2, hydrogen masses repartitioned, Langevin dynamics in steps of 4 fs
at 300 K, a frame every 10 ps. 41,860 ps give 4,186 frames, as many as the published trajectory has.

Frames are written in files of 100; stopped by whatever, the same command goes on from the last
whole one. A longer ``--length`` makes a trajectory longer.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import openmm
from openmm import app, unit

from openmm_stegmn.atomic_files import write_atomically
from openmm_stegmn.systems import choose_platform

TIME_STEP = 0.004  # ps


def main():
    """Simulate, or go on."""
    options = parse()
    (options.output / "frames").mkdir(parents=True, exist_ok=True)
    topology, positions = structure(options)
    forcefield = app.ForceField("amber14/protein.ff14SB.xml", "implicit/gbn2.xml")
    system = forcefield.createSystem(
        topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds,
        hydrogenMass=3 * unit.dalton,
    )  # fmt: skip
    write_charges(options.output / "adk.pqr", topology, system, positions)
    simulation, done = start(topology, system, positions, options)
    platform = simulation.context.getPlatform().getName()
    print(f"{topology.getNumAtoms()} atoms on {platform}, from frame {done}", flush=True)
    began, first, wanted = time.perf_counter(), done, round(options.length / options.interval)
    while done < wanted:
        count = min(options.per_file, wanted - done)
        write_part(simulation, options.output, options.interval, done, count)
        done += count
        speed = (done - first) * options.interval * 86.4 / (time.perf_counter() - began)
        print(f"{done} of {wanted} frames, {speed:.1f} ns/day", flush=True)


def start(topology, system, positions, options):
    """A simulation, equilibrated or where it was, and the number of frames that are there."""
    path = options.output / "state.xml"
    state = openmm.XmlSerializer.deserialize(path.read_text()) if path.exists() else None
    # The clock starts after equilibration.
    done = 0 if state is None else round(state.getTime()._value / options.interval)
    integrator = openmm.LangevinMiddleIntegrator(300, 1, TIME_STEP)
    # Noise from here on is none that was there before.
    integrator.setRandomNumberSeed(options.seed + done)
    platform = choose_platform(options.platform, system)
    simulation = app.Simulation(topology, system, integrator, platform)
    if state is not None:
        simulation.context.setState(state)
        return simulation, done
    simulation.context.setPositions(positions)
    simulation.minimizeEnergy()
    simulation.context.setVelocitiesToTemperature(300, options.seed)
    simulation.step(round(options.equilibration / TIME_STEP))
    simulation.context.setTime(0)
    return simulation, done


def write_part(simulation, folder, interval, first, count):
    """Some frames in a file of their own, and where to go on from."""
    path = folder / "frames" / f"adk-{first:06d}.dcd"
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        dcd = app.DCDFile(file, simulation.topology, interval * unit.picosecond)
        for _ in range(count):
            simulation.step(round(interval / TIME_STEP))
            frame = simulation.context.getState(positions=True).getPositions(asNumpy=True)
            if not np.isfinite(frame._value).all():
                raise SystemExit(f"the simulation became unstable after frame {first}")
            dcd.writeModel(frame)
        file.flush()
        os.fsync(file.fileno())
    state = simulation.context.getState(positions=True, velocities=True)
    # A crash between these leaves a file that is made again, from the state before it.
    os.replace(part, path)
    write_atomically(folder / "state.xml", openmm.XmlSerializer.serialize(state).encode())


def structure(options):
    """Topology and positions, with hydrogens of ff14SB."""
    path = options.pdb
    if path is None:
        try:
            from MDAnalysisTests.datafiles import PDB_small as path
        except ImportError as error:
            raise SystemExit(f"{error}: pip install MDAnalysisTests, or give --pdb") from error
    pdb = app.PDBFile(str(path))
    model = app.Modeller(pdb.topology, pdb.positions)
    model.delete([atom for atom in model.topology.atoms() if atom.element == app.element.hydrogen])
    forcefield = app.ForceField("amber14/protein.ff14SB.xml", "implicit/gbn2.xml")
    model.addHydrogens(forcefield, platform=openmm.Platform.getPlatformByName("CPU"))
    return model.topology, model.positions


def write_charges(path, topology, system, positions):
    """The topology in a format that has charges, for MDAnalysis."""
    force = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    charges = [
        force.getParticleParameters(atom)[0]._value for atom in range(force.getNumParticles())
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on attributes that the format leaves out
        universe = mda.Universe(topology)
        universe.load_new(10 * np.array(positions.value_in_unit(unit.nanometer))[None])
        universe.add_TopologyAttr("charges", charges)
        universe.add_TopologyAttr("radii", np.zeros(len(charges)))
        universe.atoms.write(str(path))


def parse():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("adk"), help="folder")
    parser.add_argument("--pdb", help="of E. coli adenylate kinase; default: of MDAnalysisTests")
    parser.add_argument("--length", type=float, default=41_860.0, help="ps")
    parser.add_argument("--interval", type=float, default=10.0, help="between frames, ps")
    parser.add_argument("--equilibration", type=float, default=200.0, help="ps")
    parser.add_argument("--per-file", type=int, default=100, help="frames in a file")
    parser.add_argument("--platform", default="auto", help="of OpenMM")
    parser.add_argument("--seed", type=int, default=2026)
    return parser.parse_args()


if __name__ == "__main__":
    main()
