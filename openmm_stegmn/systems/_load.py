"""A System that was made elsewhere, from the file it was serialised to."""

from __future__ import annotations

from pathlib import Path

import openmm

from ._build import MolecularSystem, read_pdb
from ._errors import SetupError


def load_system(pdb: str | Path, xml: str | Path) -> MolecularSystem:
    """Read a PDB file and the System of its atoms.

    Parameters
    ----------
    pdb : path
        Atoms in the order of the System.
    xml : path
        Written by ``openmm.XmlSerializer.serialize(system)``.

    Raises
    ------
    SetupError
        If a file is missing or unreadable, holds something else, or they have different numbers of
        atoms.
    """
    topology, positions = read_pdb(Path(pdb))
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
            f"system {xml} has {system.getNumParticles()} particles, the PDB file {pdb} "
            f"{topology.getNumAtoms()} atoms: give the PDB file of the atoms it was made for"
        )
    return MolecularSystem(topology, system, positions, Path(pdb), (str(xml),))
