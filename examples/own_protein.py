"""Your own protein, from a PDB file to a hybrid run: prepare, simulate, train, evaluate, run.

    python examples/own_protein.py                          # packaged tetraalanine, a few minutes
    python examples/own_protein.py --pdb mine.pdb --picoseconds 5000 --steps 4000 \\
        --batch-size 256 --hidden 64 --platform CUDA

The defaults show how it goes, not how far: 100 ps and 200 steps of a small network make a model
that is hardly worth using, and the verdict says so. For one that is, take nanoseconds, the defaults
of ``openmm-stegmn train`` (4,000 steps of 256 windows, hidden 64) and a GPU.
"""

import argparse
import logging
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import openmm
import torch
from openmm import app, unit

from openmm_stegmn import HybridReporter, STEGMNPropagator, load_model, save_model
from openmm_stegmn.data import record_trajectory
from openmm_stegmn.systems import DEFAULT_FORCEFIELDS, build_system, packaged_structure
from openmm_stegmn.training import TrainingConfig
from openmm_stegmn.training_runs import TrainSettings, evaluate_on, train_on

TEMPERATURE = 300.0  # K
INTERVAL = 0.5  # ps, between the frames of a window, and what a jump goes ahead by


def main():
    """Run the command line."""
    options = parse()
    torch.set_num_threads(options.threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)

    # 1. Prepare: hydrogens, and a System that the force field knows all of.
    molecule = prepare(options.pdb, folder / "prepared.pdb", options.platform)
    print(f"1. prepared {molecule.n_atoms} atoms: {folder / 'prepared.pdb'}")

    # 2. Simulate, and keep frames. (For a trajectory that you have: read_trajectories([...]).)
    simulation = make_simulation(molecule, integrator(), options.platform)
    simulation.context.setPositions(molecule.positions)
    simulation.minimizeEnergy()
    simulation.context.setVelocitiesToTemperature(TEMPERATURE, 1)
    simulation.step(round(options.picoseconds / 10 / 0.002))  # equilibration
    frames = round(options.picoseconds / INTERVAL)
    trajectory = record_trajectory(simulation, frames, frame_interval=INTERVAL)
    unseen = record_trajectory(simulation, frames // 2, frame_interval=INTERVAL, source="later")
    print(f"2. simulated {options.picoseconds * 1.5:g} ps")

    # 3. Train on the first part; a fifth of it is held out.
    settings = TrainSettings(
        history=5, temperature=TEMPERATURE, config={"hidden": options.hidden}, free_jumps=100,
        training=TrainingConfig(steps=options.steps, batch_size=options.batch_size),
    )  # fmt: skip
    result = train_on(
        molecule, [trajectory], settings, folder=folder / "mine.training", overwrite=True
    )
    save_model(result.model, folder / "mine.safetensors")
    print(f"3. trained {folder / 'mine.safetensors'}: {result.verdict}")

    # 4. Evaluate on what it has not seen at all.
    model = load_model(folder / "mine.safetensors")
    print(f"4. evaluated: {evaluate_on(model, molecule, [unseen], free_jumps=10).verdict}")

    # 5. A hybrid run: ten physical frames, then a jump, again and again.
    propagator = STEGMNPropagator(
        molecule.system, molecule.topology, model, integrator=integrator(),
        md_frames=10, jumps=1, guard="energy", velocities="maxwell", seed=2026,
    )  # fmt: skip
    hybrid = make_simulation(molecule, propagator, options.platform)
    state = simulation.context.getState(positions=True)
    hybrid.context.setPositions(state.getPositions())
    hybrid.context.setVelocitiesToTemperature(TEMPERATURE, 2)
    reporter = HybridReporter(str(folder / "hybrid.h5md"), propagator, overwrite=True)
    hybrid.reporters.append(reporter)
    hybrid.step(round(options.picoseconds / 4 / 0.002))
    del hybrid.reporters[:], reporter
    print(f"5. hybrid run: {propagator.statistics}")

    universe = mda.Universe(str(folder / "prepared.pdb"), str(folder / "hybrid.h5md"))
    origins = np.array([step.data["origin"] for step in universe.trajectory])
    print(
        f"   {len(origins)} frames in {folder / 'hybrid.h5md'}, {(origins == 1).sum()} of them "
        f"accepted jumps; take distributions from the others"
    )


def parse():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pdb", default=str(packaged_structure("tetraalanine")))
    parser.add_argument("--output", default="own-protein", help="folder")
    parser.add_argument("--picoseconds", type=float, default=100.0, help="to train on")
    parser.add_argument("--steps", type=int, default=200, help="of training")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=16, help="width of the network")
    parser.add_argument("--platform", default="CPU", help="of OpenMM: CPU, CUDA, OpenCL, ...")
    parser.add_argument("--threads", type=int, default=2, help="of the network on the CPU")
    return parser.parse_args()


def prepare(pdb, output, platform):
    """Add hydrogens that are missing, and apply the force field.

    For missing heavy atoms and loops use PDBFixer first.
    """
    structure = app.PDBFile(pdb)
    modeller = app.Modeller(structure.topology, structure.positions)
    modeller.deleteWater()
    forcefield = app.ForceField("amber14-all.xml")
    # It minimises them, and would take the fastest platform, which may be one that does not work.
    modeller.addHydrogens(forcefield, platform=openmm.Platform.getPlatformByName(platform))
    with open(output, "w") as file:
        app.PDBFile.writeFile(modeller.topology, modeller.positions, file)
    return build_system(output, DEFAULT_FORCEFIELDS)  # ff14SB with OBC2 implicit solvent


def integrator():
    """Plain dynamics."""
    return openmm.LangevinMiddleIntegrator(
        TEMPERATURE * unit.kelvin, 1 / unit.picosecond, 2 * unit.femtoseconds
    )


def make_simulation(molecule, integrator, platform):
    """A Simulation on a platform of that name."""
    return app.Simulation(
        molecule.topology, molecule.system, integrator, openmm.Platform.getPlatformByName(platform)
    )


if __name__ == "__main__":
    main()
