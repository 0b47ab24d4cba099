"""Structures: PDB and mmCIF files by OpenMM, which knows bonds of standard residues, else by
MDAnalysis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from openmm import app, unit

from ._errors import SetupError
from ._topology import read_topology

_READERS = {".pdb": app.PDBFile, ".ent": app.PDBFile, ".cif": app.PDBxFile, ".mmcif": app.PDBxFile}


def has_standard_bonds(path: str | Path) -> bool:
    """Whether a file is PDB or mmCIF, where bonds of standard residues are known by their names."""
    return Path(path).suffix.lower() in _READERS


def read_structure(path: Path) -> tuple[app.Topology, np.ndarray | None, np.ndarray | None]:
    """Topology, and positions ``(n_atoms, 3)``, nm, and masses where the file has any.

    Raises
    ------
    SetupError
        If the file is missing or unreadable, or a position is not finite.
    """
    if not has_standard_bonds(path):
        topology, positions, masses = read_topology(path)
    else:
        (topology, positions), masses = _read_by_openmm(path), None
    bad = [] if positions is None else np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if len(bad):
        atom = list(topology.atoms())[bad[0]]
        raise SetupError(
            f"{kind_of(path)} {path}: {len(bad)} of {len(positions)} atoms have positions that are "
            f"not finite numbers, first {atom.name} of {atom.residue.name} {atom.residue.id}"
        )
    return topology, positions, masses


def kind_of(path: Path) -> str:
    """What errors call a file."""
    return "PDB file" if path.suffix.lower() in (".pdb", ".ent") else "structure"


def _read_by_openmm(path):
    kind = kind_of(path)
    if not path.is_file():
        raise SetupError(f"{kind} {path}: no such file")
    try:
        with open(path) as lines:
            if not any(line.startswith(("ATOM", "HETATM")) for line in lines):
                raise SetupError(f"{kind} {path}: holds no ATOM or HETATM line")
        found = _READERS[path.suffix.lower()](str(path))
    except SetupError:
        raise
    except Exception as error:  # the parser raises whatever a malformed line leads to
        raise SetupError(f"{kind} {path}: cannot be read ({one_line(error)})") from error
    positions = found.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    return found.topology, np.asarray(positions)


def one_line(error: Exception) -> str:
    """What an exception says, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
