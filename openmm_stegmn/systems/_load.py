"""A System that was made elsewhere, from the file it was serialised to."""

from __future__ import annotations

from pathlib import Path

import openmm

from ._build import MolecularSystem
from ._errors import SetupError
from ._structure import kind_of, read_structure


def load_system(pdb: str | Path, xml: str | Path) -> MolecularSystem:
    """Read a structure and the System of its atoms.

    Parameters
    ----------
    pdb : path
        Atoms in the order of the System; or mmCIF, or a topology with bonds that MDAnalysis reads.
    xml : path
        Written by ``openmm.XmlSerializer.serialize(system)``.

    Raises
    ------
    SetupError
        If a file is missing or unreadable, holds something else, or they have different numbers of
        atoms.
    """
    topology, positions, _ = read_structure(Path(pdb))
    if not Path(xml).is_file():
        raise SetupError(f"system {xml}: no such file")
    try:
        system = openmm.XmlSerializer.deserialize(Path(xml).read_text())
    except Exception as error:  # OpenMMException, or of the encoding
        raise SetupError(
            f"system {xml}: cannot be read as a System that OpenMM has serialised ({error})"
        ) from error
    if not isinstance(system, openmm.System):
        raise SetupError(
            f"system {xml}: holds a {type(system).__name__}, expected a System as written by "
            "openmm.XmlSerializer.serialize(system)"
        )
    if system.getNumParticles() != topology.getNumAtoms():
        raise SetupError(
            f"system {xml} has {system.getNumParticles()} particles, the "
            f"{kind_of(Path(pdb))} {pdb} {topology.getNumAtoms()} atoms: give that of the atoms it "
            f"was made for"
        )
    return MolecularSystem(topology, system, positions, Path(pdb), (str(xml),))


def load_bonded(path: str | Path) -> MolecularSystem:
    """Read a topology with masses and bonds, as a System without forces and constraints.

    Parameters
    ----------
    path : path
        In a format that MDAnalysis reads: PSF, PRMTOP, TPR and others; or PDB, mmCIF.

    Raises
    ------
    SetupError
        If the file is missing, unreadable, or has no bonds.
    """
    topology, positions, masses = read_structure(Path(path))
    if masses is None:
        masses = [0.0 if a.element is None else a.element.mass._value for a in topology.atoms()]
    system = openmm.System()
    for mass in masses:
        system.addParticle(float(mass))
    return MolecularSystem(topology, system, positions, Path(path), ())
