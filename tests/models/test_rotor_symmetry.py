"""How many positions of what turns about a bond are equal."""

import numpy as np
import pytest
from molecules import alkane, toluene

from openmm_stegmn.data import describe_molecule
from openmm_stegmn.models import ModelSpec, MoleculeContext
from openmm_stegmn.models._rotor_symmetry import rotor_folds
from openmm_stegmn.systems import build_system


def folds_of(spec):
    """By the numbers of the two atoms on the axis."""
    context = MoleculeContext(spec)
    axes = context.body.torsion_atoms[:, 1:3].tolist()
    return dict(zip(map(frozenset, axes), rotor_folds(context).tolist(), strict=True))


def bonds(*pairs):
    return [frozenset(pair) for pair in pairs]


def carboxylate():
    molecule = alkane(5, hydrogens=False)
    for torsion in (0, 180):
        molecule.hang("O", 4, 3, 2, 1.25, 118, torsion)
    return molecule


def phenyl():
    """A ring at the end of a chain."""
    molecule = alkane(6, hydrogens=False)
    end, before = molecule.positions[5], molecule.positions[4]
    along = (end - before) / np.linalg.norm(end - before)
    across = np.cross(along, [0.3, 0.5, 0.8])
    across /= np.linalg.norm(across)
    ring = [5]
    for i in range(1, 6):
        turn = np.radians(60 * i)
        place = end + 1.4 * ((1 - np.cos(turn)) * along + np.sin(turn) * across)
        ring.append(molecule.add("C", place, ring[-1]))
    molecule.bonds.append((ring[-1], 5))
    return molecule


@pytest.mark.parametrize(
    ("molecule", "axes", "fold"),
    [
        (alkane(5), bonds((0, 1), (3, 4)), 3),
        (alkane(5), bonds((1, 2), (2, 3)), 1),
        (alkane(5, hydrogens=False), bonds((1, 2), (2, 3)), 1),
        (toluene(), bonds((0, 6)), 3),
        (carboxylate(), bonds((3, 4)), 2),
        (phenyl(), bonds((4, 5)), 2),
    ],
    ids=["methyl", "middle", "skeleton", "toluene", "carboxylate", "phenyl"],
)
def test_folds(molecule, axes, fold):
    folds = folds_of(molecule.spec())
    assert {folds[axis] for axis in axes} == {fold}


def test_a_different_neighbour_breaks_the_symmetry():
    """CH2O instead of CH3, and a carboxyl group instead of a carboxylate."""
    molecule = alkane(5)
    molecule.elements[-1] = "O"
    assert folds_of(molecule.spec())[frozenset((3, 4))] == 1
    acid = carboxylate()
    acid.hang("H", acid.n_atoms - 1, 4, 3, 0.97, 107, 180)
    assert folds_of(acid.spec())[frozenset((3, 4))] == 1


def test_alanine_dipeptide():
    peptide = build_system()
    values = describe_molecule(peptide.topology, peptide.system)
    spec = ModelSpec(architecture="persistence", history=1, frame_interval=1.0, **values)
    atoms = [f"{r}-{n}" for r, n in zip(spec.residue_names, spec.atom_names, strict=True)]
    methyls = {
        frozenset(atoms[atom] for atom in axis)
        for axis, fold in folds_of(spec).items() if fold == 3
    }  # fmt: skip
    assert methyls == {
        frozenset(pair) for pair in [("ACE-CH3", "ACE-C"), ("ALA-CA", "ALA-CB"), ("NME-N", "NME-C")]
    }
    assert sorted(folds_of(spec).values()) == [1, 1, 1, 1, 3, 3, 3]
