"""Molecules and boxes of the size that people simulate, each read once, and moves of any size."""

import math
from functools import lru_cache

import numpy as np
import torch
from openmm import app, unit
from openmmtools import testsystems

from openmm_stegmn.systems import build_system

WATER = "HOH"
SYSTEMS = ["alanine dipeptide", "T4 lysozyme", "DHFR"]
BOXES = ["TIP3P box", "TIP4P-Ew box"]


@lru_cache
def system(name, constraints="HBonds"):
    """``(System, topology, positions)``: positions as a Tensor ``(n_atoms, 3)`` in Å, float64."""
    if name == "alanine dipeptide":
        molecule = build_system(constraints=constraints)
        return molecule.system, molecule.topology, 10 * torch.tensor(np.array(molecule.positions))
    if name in BOXES:
        model = {"TIP3P box": "tip3p", "TIP4P-Ew box": "tip4pew"}[name]
        made = testsystems.WaterBox(box_edge=2.2 * unit.nanometer, model=model)
    else:
        kind = {"T4 lysozyme": testsystems.LysozymeImplicit, "DHFR": testsystems.DHFRExplicit}[name]
        made = kind(constraints=getattr(app, constraints))
    positions = torch.tensor(np.array(made.positions.value_in_unit(unit.angstrom)))
    return made.system, made.topology, positions


@lru_cache
def solute(name, constraints="HBonds"):
    """Constraints, bonds, masses, elements and positions of all atoms that are not water."""
    made, topology, positions = system(name, constraints)
    atoms = [a for residue in topology.residues() if residue.name != WATER for a in residue.atoms()]
    n = len(atoms)
    assert [atom.index for atom in atoms] == list(range(n))  # solutes come first
    pairs = [made.getConstraintParameters(k)[:2] for k in range(made.getNumConstraints())]
    bonds = [(a.index, b.index) for a, b in topology.bonds()]
    return {
        "n_atoms": n,
        "pairs": [pair for pair in pairs if max(pair) < n],
        "bonds": [bond for bond in bonds if max(bond) < n],
        "masses": [made.getParticleMass(a).value_in_unit(unit.dalton) for a in range(n)],
        "elements": [atom.element.symbol for atom in atoms],
        "positions": positions[:n],
    }


def random_vectors(*shape, size=math.pi, seed=0, dtype=torch.float64):
    """Vectors ``(*shape, 3)`` in all directions, of lengths up to a size."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(*shape, 3, generator=generator, dtype=torch.float64)
    lengths = torch.rand(*shape, 1, generator=generator, dtype=torch.float64)
    return (size * lengths * vectors / vectors.norm(dim=-1, keepdim=True)).to(dtype)


def random_move(forest, *batch, size=math.pi, seed=0, dtype=torch.float64):
    """What an untrained network might say: ``(translation, rotation)``."""
    translation = random_vectors(*batch, forest.n_components, size=2.0, seed=seed, dtype=dtype)
    rotation = random_vectors(*batch, forest.n_groups, size=size, seed=seed + 1, dtype=dtype)
    return translation, rotation
