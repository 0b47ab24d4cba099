"""Systems that a propagator must hold for: the rows of `propagator_systems.py`."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

from openmm_stegmn.data import describe_molecule
from openmm_stegmn.models import ModelSpec
from openmm_stegmn.systems import packaged_structure

N_PEPTIDE = 22
HEAVY_HYDROGEN = 3 * unit.dalton
PRESSURE = 1.0  # bar
TEMPERATURE = 300.0


@dataclass(frozen=True)
class Case:
    """A molecular system, and what of it jumps.

    Attributes
    ----------
    topology : openmm.app.Topology
    system : openmm.System
    positions : ndarray, ``(n_particles, 3)``
        nm.
    n_jumping : int
        The first atoms, which the model is for.
    step : float
        Time step, ps.
    """

    topology: app.Topology
    system: openmm.System
    positions: np.ndarray
    n_jumping: int
    step: float = 0.002

    def spec(self, **changes) -> ModelSpec:
        """What a model of the atoms that jump is told of them."""
        values, count = describe_molecule(self.topology, self.system), self.n_jumping
        for name in ("atom_names", "elements", "residue_names", "residue_ids", "masses"):
            values[name] = values[name][:count]
        values["bonds"] = tuple(pair for pair in values["bonds"] if max(pair) < count)
        kept = [n for n, pair in enumerate(values["constraints"]) if max(pair) < count]
        for name in ("constraints", "constraint_lengths"):
            values[name] = tuple(values[name][n] for n in kept)
        return ModelSpec(**values | {"temperature": TEMPERATURE} | changes)


def _testsystems():
    # not where all systems are read from files
    from openmmtools import testsystems

    return testsystems


def _of_openmmtools(made, n_jumping=None, **options) -> Case:
    positions = np.array(made.positions.value_in_unit(unit.nanometer))
    return Case(made.topology, made.system, positions, n_jumping or len(positions), **options)


def _vacuum(constraints=app.HBonds, step=0.002, **options):
    made = _testsystems().AlanineDipeptideVacuum(constraints=constraints, **options)
    return _of_openmmtools(made, step=step)


def _free_to_drift():
    case = _vacuum()
    for index in reversed(range(case.system.getNumForces())):
        if isinstance(case.system.getForce(index), openmm.CMMotionRemover):
            case.system.removeForce(index)
    return case


def _dhfr():
    made = _testsystems().DHFRExplicit()
    protein = next(
        atom.index for atom in made.topology.atoms() if atom.residue.name in ("WAT", "HOH")
    )
    return _of_openmmtools(made, protein)


def _solvated(
    water="tip3p", copies=1, step=0.002, pressure=False, frozen=False, mass=None, salt=0.0, **box
) -> Case:
    files = {"tip3p": "amber14/tip3p.xml", "tip4pew": "amber14/tip4pew.xml"}
    forcefield = app.ForceField("amber14-all.xml", files[water])
    pdb = app.PDBFile(str(packaged_structure("alanine-dipeptide")))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    for copy in range(1, copies):
        shift = np.array([0.0, 0.0, 0.8 * copy]) * unit.nanometer
        modeller.add(pdb.topology, pdb.getPositions(asNumpy=True) + shift)
    if not box:
        box = {"boxSize": openmm.Vec3(2.2, 2.2, 2.2 + 0.8 * (copies - 1)) * unit.nanometer}
    modeller.addSolvent(forcefield, model=water, ionicStrength=salt * unit.molar, **box)
    system = forcefield.createSystem(
        modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.8 * unit.nanometer,
        constraints=app.HBonds, hydrogenMass=mass,
    )  # fmt: skip
    if pressure:
        system.addForce(openmm.MonteCarloBarostat(PRESSURE, TEMPERATURE, 10))
    if frozen:
        _freeze(system, range(N_PEPTIDE, N_PEPTIDE + 3))
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer))
    return Case(modeller.topology, system, positions, copies * N_PEPTIDE, step)


def _freeze(system, atoms):
    for atom in atoms:
        system.setParticleMass(atom, 0.0)
    for index in reversed(range(system.getNumConstraints())):
        if system.getConstraintParameters(index)[0] in atoms:
            system.removeConstraint(index)


_BUILDERS: dict[str, Callable[[], Case]] = {
    "vacuum, HBonds": _vacuum,
    "vacuum, HBonds, 1 fs": lambda: _vacuum(step=0.001),
    "vacuum, no constraints": lambda: _vacuum(None, step=0.001),
    "vacuum, AllBonds": lambda: _vacuum(app.AllBonds),
    "vacuum, HAngles": lambda: _vacuum(app.HAngles),
    "vacuum, no CMMotionRemover": _free_to_drift,
    "vacuum, heavy hydrogens, 4 fs": lambda: _vacuum(step=0.004, hydrogenMass=HEAVY_HYDROGEN),
    "implicit (OBC1)": lambda: _of_openmmtools(_testsystems().AlanineDipeptideImplicit()),
    "water, cube": _solvated,
    "water, octahedron": lambda: _solvated(boxShape="octahedron", padding=1.2 * unit.nanometer),
    "water, TIP4P-Ew": lambda: _solvated("tip4pew"),
    "water, two chains and ions": lambda: _solvated(copies=2, salt=0.5),
    "water, one water frozen": lambda: _solvated(frozen=True),
    "water, heavy hydrogens, 4 fs": lambda: _solvated(step=0.004, mass=HEAVY_HYDROGEN),
    "water, 1 bar, 4 fs": lambda: _solvated(step=0.004, mass=HEAVY_HYDROGEN, pressure=True),
    "water, openmmtools": lambda: _of_openmmtools(
        _testsystems().AlanineDipeptideExplicit(), N_PEPTIDE
    ),
    "T4 lysozyme, implicit": lambda: _of_openmmtools(_testsystems().LysozymeImplicit()),
    "DHFR in water": _dhfr,
}
SYSTEMS = tuple(_BUILDERS)


@functools.cache
def build(name: str, folder: Path | None = None) -> Case:
    """Make a system by its name in `SYSTEMS`; do not change what comes back.

    With a folder, what `write` has written there is read: a machine then needs no openmmtools.
    """
    if folder is None:
        return _BUILDERS[name]()
    place = folder / name.replace(", ", "-").replace(" ", "_")
    about = json.loads((place / "case.json").read_text())
    return Case(
        app.PDBxFile(str(place / "topology.cif")).topology,
        openmm.XmlSerializer.deserialize((place / "system.xml").read_text()),
        np.load(place / "positions.npy"), **about,
    )  # fmt: skip


def write(name: str, folder: Path) -> None:
    """Write a system into a folder of its own within `folder`."""
    case, place = _BUILDERS[name](), folder / name.replace(", ", "-").replace(" ", "_")
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "topology.cif", "w") as file:
        app.PDBxFile.writeFile(case.topology, case.positions * unit.nanometer, file, keepIds=True)
    (place / "system.xml").write_text(openmm.XmlSerializer.serialize(case.system))
    np.save(place / "positions.npy", case.positions)
    (place / "case.json").write_text(json.dumps({"n_jumping": case.n_jumping, "step": case.step}))
