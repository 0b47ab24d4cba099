"""From a PDB file and force-field files to an OpenMM System, with errors that say what to do."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

from ._errors import SetupError
from ._structure import kind_of, one_line, read_structure

DEFAULT_FORCEFIELDS = ("amber14-all.xml", "obc2_native.xml")

_CONSTRAINTS = {
    "none": None,
    "hbonds": app.HBonds,
    "allbonds": app.AllBonds,
    "hangles": app.HAngles,
}
_DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class MolecularSystem:
    """What a simulation starts from.

    Attributes
    ----------
    topology : openmm.app.Topology
    system : openmm.System
        Forces, masses and constraints; no integrator, barostat or thermostat.
    positions : ndarray, shape (n_atoms, 3), or None
        In nm, finite; None where the file has none.
    pdb : Path
        The file that it was read from.
    forcefields : tuple of str
        Names of the force-field files, or of the file that holds the system.
    """

    topology: app.Topology
    system: openmm.System
    positions: np.ndarray | None
    pdb: Path
    forcefields: tuple[str, ...]

    @property
    def n_atoms(self) -> int:
        return self.system.getNumParticles()


def packaged_structure(name: str) -> Path:
    """Path of a structure that is shipped with the package, such as ``"alanine-dipeptide"``."""
    return _DATA / "structures" / f"{name}.pdb"


def packaged_forcefield(name: str) -> Path:
    """Path of a force-field file that is shipped with the package: ``"obc2_native.xml"``."""
    return _DATA / "forcefields" / name


def build_system(
    pdb: str | Path | None = None,
    forcefields: str | Path | Iterable[str | Path] = DEFAULT_FORCEFIELDS,
    *,
    constraints: str = "HBonds",
    nonbonded_cutoff: float = 1.0,
) -> MolecularSystem:
    """Read a structure and apply a force field to it.

    Molecules without a box, and all molecules in implicit solvent, are computed without cutoff (a
    CRYST1 record in a crystal structure is not a simulation box). A box and explicit solvent mean
    PME.

    Parameters
    ----------
    pdb : path, optional
        The packaged alanine dipeptide by default. Hydrogens must be there. Beside PDB files: mmCIF,
        and topologies with bonds that MDAnalysis reads, such as PSF and PRMTOP, whose names must be
        those of the force field.
    forcefields : str, path, or several of them
        OpenMM force-field files: a path, a file shipped with this package (``obc2_native.xml``), or
        one shipped with OpenMM, looked for in this order.
    constraints : {"HBonds", "AllBonds", "HAngles", "None"}
    nonbonded_cutoff : float
        In nm; used with PME only.

    Raises
    ------
    SetupError
        If a file is missing or unreadable, a residue matches no template, or a position is not
        finite.
    """
    path = packaged_structure("alanine-dipeptide") if pdb is None else Path(pdb)
    topology, positions, _ = read_structure(path)
    if isinstance(forcefields, str | os.PathLike):
        forcefields = (forcefields,)
    forcefields = tuple(map(os.fspath, forcefields))
    forcefield = _load_forcefield(forcefields)
    try:
        constraint_type = _CONSTRAINTS[constraints.lower()]
    except KeyError:
        raise SetupError(
            f"constraints {constraints!r}: expected HBonds, AllBonds, HAngles or None"
        ) from None
    system = _create(forcefield, topology, path, constraints=constraint_type)
    if topology.getPeriodicBoxVectors() is not None and not _has_implicit_solvent(system):
        system = _create(
            forcefield,
            topology,
            path,
            constraints=constraint_type,
            nonbondedMethod=app.PME,
            nonbondedCutoff=nonbonded_cutoff * unit.nanometer,
        )
    return MolecularSystem(topology, system, positions, path, forcefields)


def _load_forcefield(names: tuple[str, ...]) -> app.ForceField:
    if not names:
        raise SetupError("no force-field file given: name at least one, such as amber14-all.xml")
    paths = [str(_find_forcefield(name)) for name in names]
    try:
        return app.ForceField(*paths)
    except Exception as error:  # XML errors, missing attributes, failing scripts
        raise SetupError(
            f"force field {', '.join(names)}: cannot be read ({one_line(error)})"
        ) from error


def _find_forcefield(name: str) -> Path:
    shipped = Path(app.forcefield.__file__).parent / "data"
    for path in (Path(name), packaged_forcefield(name), shipped / name):
        if path.is_file():
            return path
    known = [str(p.relative_to(shipped)) for p in shipped.rglob("*.xml")]
    known += [p.name for p in (_DATA / "forcefields").glob("*.xml")]
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise SetupError(
        f"force-field file {name!r}: neither a file here nor one shipped with OpenMM or this "
        f"package{hint}"
    )


def _create(forcefield, topology, path, **options) -> openmm.System:
    try:
        return forcefield.createSystem(topology, **options)
    except Exception as error:
        message = one_line(error)
        if "template" in message.lower():
            message += (
                " The force field must know every residue, and the file must name all atoms, "
                "hydrogens included (PDBFixer or Modeller.addHydrogens can add them)."
            )
        raise SetupError(
            f"{kind_of(path)} {path} does not fit the force field: {message}"
        ) from error


def _has_implicit_solvent(system: openmm.System) -> bool:
    kinds = (openmm.GBSAOBCForce, openmm.CustomGBForce)
    return any(isinstance(force, kinds) for force in system.getForces())
