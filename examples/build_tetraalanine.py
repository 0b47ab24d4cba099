"""Build the packaged tetraalanine (ACE-ALA4-NME) from the packaged alanine dipeptide.

    python examples/build_tetraalanine.py --output tetraalanine.pdb

Each new residue is the alanine of the dipeptide, placed so that the amide before it lies on the
one that ends the chain so far; then the energy is minimised.
"""

import argparse

import numpy as np
import openmm
import torch
from openmm import app, unit

from openmm_stegmn.mechanics import superpose
from openmm_stegmn.systems import DEFAULT_FORCEFIELDS, build_system, packaged_structure

# Atoms of the amide that begins the dipeptide's alanine, and of the one that follows it
BEFORE = [("ACE", "CH3"), ("ACE", "C"), ("ACE", "O"), ("ALA", "N"), ("ALA", "H"), ("ALA", "CA")]
AFTER = [("ALA", "CA"), ("ALA", "C"), ("ALA", "O"), ("NME", "N"), ("NME", "H"), ("NME", "C")]


def main():
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="tetraalanine.pdb")
    parser.add_argument("--residues", type=int, default=4, help="alanines")
    options = parser.parse_args()
    dipeptide = app.PDBFile(str(packaged_structure("alanine-dipeptide")))
    topology, positions = repeat(dipeptide, options.residues)
    write(options.output, topology, positions)
    molecule = build_system(options.output, DEFAULT_FORCEFIELDS)
    write(options.output, molecule.topology, minimised(molecule))


def repeat(dipeptide, residues):
    """Topology and positions, Å, of a chain of so many alanines between the caps."""
    atoms = {(atom.residue.name, atom.name): atom for atom in dipeptide.topology.atoms()}
    unit_cell = np.array(dipeptide.getPositions(asNumpy=True).value_in_unit(unit.angstrom))
    copies = [torch.from_numpy(unit_cell)]
    for _ in range(residues - 1):
        copies.append(continued(copies[-1], atoms))
    parts = [("ACE", copies[0]), *(("ALA", copy) for copy in copies), ("NME", copies[-1])]
    topology, positions = app.Topology(), []
    chain = topology.addChain("A")
    for name, copy in parts:
        residue = topology.addResidue(name, chain)
        for (of, atom), source in atoms.items():
            if of == name:
                topology.addAtom(atom, source.element, residue)
                positions.append(copy[source.index].numpy())
    topology.createStandardBonds()
    return topology, np.array(positions)


def continued(copy, atoms):
    """The dipeptide moved along the chain, so that its first amide lies on its last one."""
    before, after = ([atoms[name].index for name in names] for names in (BEFORE, AFTER))
    weights = torch.zeros(len(copy), dtype=copy.dtype)
    weights[before] = 1.0
    target = copy.clone()
    target[before] = copy[after]
    return superpose(copy, target, weights)


def minimised(molecule):
    """Positions, Å, of the nearest minimum of the energy."""
    context = openmm.Context(
        molecule.system, openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )  # fmt: skip
    context.setPositions(molecule.positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    state = context.getState(positions=True)
    return state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)


def write(path, topology, positions):
    """Write a PDB file."""
    with open(path, "w") as file:
        app.PDBFile.writeFile(topology, positions * unit.angstrom, file, keepIds=True)


if __name__ == "__main__":
    main()
