"""Exact sampling of alanine dipeptide, and checks of it that anyone can make.

    python examples/exact_sampling.py                       # about two minutes on one core
    python examples/exact_sampling.py --picoseconds 20000   # errors that are worth looking at

Moves drawn by the packaged model are accepted by Metropolis and Hastings, so averages over all
frames are Boltzmann averages. Four things to look at: whether the propagator calls itself exact,
how many trials are accepted, whether frames of jumps and of legs agree, and whether an average is
that of plain dynamics, within the errors of both.
"""

import argparse

import MDAnalysis as mda
import numpy as np
import torch
from openmm import LangevinMiddleIntegrator, Platform, app, unit

from openmm_stegmn import HybridReporter, STEGMNPropagator, load_model
from openmm_stegmn.analysis import OriginComparison, backbone_of, basins_of, torsions
from openmm_stegmn.systems import build_system

BLOCKS = 10


def main():
    """Run the command line."""
    options = parse()
    torch.set_num_threads(1)
    molecule = build_system()  # alanine dipeptide, ff14SB, OBC2 implicit solvent
    with open("topology.pdb", "w") as file:
        app.PDBFile.writeFile(molecule.topology, molecule.positions * unit.nanometer, file)

    # 1. Plain dynamics, with a frame every half picosecond. (Before the propagator is made: that
    # adds a force to the System.)
    simulate(
        molecule, integrator(), options, round(options.picoseconds / 0.002),
        app.XTCReporter("plain.xtc", 250),
    )  # fmt: skip

    # 2. The exact run: legs of four frames, then a jump of four trials.
    propagator = STEGMNPropagator(
        molecule.system, molecule.topology, load_model("alanine-dipeptide-exact"), integrator(),
        md_frames=4, jumps=1, guard="metropolis", velocities="maxwell", tries=4, seed=2026,
    )  # fmt: skip
    print(propagator)
    legs = round(options.picoseconds / (4 * 0.5))
    simulate(
        molecule, propagator, options, legs * (4 * 250 + 1),
        HybridReporter("exact.h5md", propagator, overwrite=True),
    )  # fmt: skip
    print(propagator.statistics)

    # 3. Frames of jumps beside those of legs.
    exact = mda.Universe("topology.pdb", "exact.h5md")
    found = OriginComparison(exact.atoms).run().results
    for comparison, verdict in zip(found.comparisons, found.verdicts, strict=True):
        print(f"jumps beside legs, {comparison.observable}: {verdict}")

    # 4. An average: the share of αR, over all frames of the exact run.
    for name, universe in (
        ("exact", exact),
        ("plain", mda.Universe("topology.pdb", "plain.xtc")),
    ):
        share, error = share_of_helix(universe)
        print(f"{name}: αR {share:.3f} ± {error:.3f} from {BLOCKS} blocks")


def parse():
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--picoseconds", type=float, default=1000.0, help="of plain dynamics, and of all legs"
    )
    # of OpenMM's platforms the quickest on one core, for so few atoms
    parser.add_argument("--platform", default="Reference", help="Reference, CPU, CUDA, ...")
    return parser.parse_args()


def integrator():
    """A thermostat is needed: jumps are accepted at its temperature."""
    return LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 2 * unit.femtoseconds)


def simulate(molecule, integrator, options, steps, reporter):
    """Minimise, equilibrate for 10 ps, and write a trajectory."""
    platform = Platform.getPlatformByName(options.platform)
    simulation = app.Simulation(molecule.topology, molecule.system, integrator, platform)
    simulation.context.setPositions(molecule.positions)
    simulation.minimizeEnergy()
    simulation.context.setVelocitiesToTemperature(300, 1)
    simulation.step(5_000)
    simulation.reporters.append(reporter)
    simulation.step(steps)
    simulation.reporters.clear()


def share_of_helix(universe):
    """Share of frames in αR, and its standard error from blocks."""
    _, quadruples = backbone_of(universe.atoms)
    angles = [torsions(universe.atoms.positions, quadruples[0]) for _ in universe.trajectory]
    inside = basins_of(np.array(angles)) == 1
    blocks = [block.mean() for block in np.array_split(inside, BLOCKS)]
    return inside.mean(), np.std(blocks, ddof=1) / BLOCKS**0.5


if __name__ == "__main__":
    main()
