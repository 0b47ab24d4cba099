"""Does this model fit this system? Asked before anything is changed."""

import os

import numpy as np
import openmm
from openmm import app, unit

from ..models import TrajectoryModel
from ..units import to_angstrom
from ._constraints import system_constraints
from ._embedding import Embedding, select_atoms
from ._errors import IncompatibleModelError

#: Masses (Da) closer than this are the same: force fields round differently, isotopes and
#: repartitioning differ by more.
MASS_TOLERANCE = 0.02
#: Constraint lengths (Å) closer than this are the same.
LENGTH_TOLERANCE = 0.005


def check_fit(system, topology, model, atoms=None) -> Embedding:
    """Compare a model's specification with a system and its topology.

    Parameters
    ----------
    system : openmm.System
    topology : openmm.app.Topology
    model : TrajectoryModel
    atoms : sequence of int or MDAnalysis.AtomGroup, optional
        See `select_atoms`.

    Returns
    -------
    Embedding

    Raises
    ------
    IncompatibleModelError
        On the first difference in atoms, masses or constraints; for atoms that something binds to
        others, and those that jumps cannot move.
    ValueError
        If system, topology or model are something else.
    """
    _check_types(system, topology, model)
    spec = model.spec
    if topology.getNumAtoms() != system.getNumParticles():
        raise IncompatibleModelError(
            f"The topology has {topology.getNumAtoms()} atoms and the system "
            f"{system.getNumParticles()} particles: pass the topology that the system was made "
            "from."
        )
    atoms = select_atoms(topology, spec, atoms)
    _check_particles(system, atoms)
    found = list(topology.atoms())
    found = [found[atom] for atom in atoms]
    _compare("atom name", atoms, [atom.name for atom in found], spec.atom_names)
    _compare(
        "element", atoms,
        [atom.element.symbol if atom.element is not None else "X" for atom in found],
        spec.elements,
    )  # fmt: skip
    _compare("residue name", atoms, [atom.residue.name for atom in found], spec.residue_names)
    _check_bonds(topology, atoms, spec)
    _check_masses(system, atoms, spec)
    _check_constraints(system, atoms, spec)
    return Embedding.of(system, atoms)


def _check_types(system, topology, model):
    if not isinstance(system, openmm.System):
        raise ValueError(f"system must be an openmm.System, found {type(system).__name__}.")
    if not isinstance(topology, app.Topology):
        raise ValueError(
            f"topology must be an openmm.app.Topology, found {type(topology).__name__}: pass the "
            "one that the system was made from, such as PDBFile(...).topology."
        )
    if not isinstance(model, TrajectoryModel):
        named = isinstance(model, str | os.PathLike)
        raise ValueError(
            "model must be a model that has been loaded, found "
            + (f"{str(model)!r}: pass load_model({str(model)!r})." if named
               else f"{type(model).__name__}: pass what load_model gives.")
        )  # fmt: skip


def _check_particles(system, atoms):
    for force in system.getForces():
        if isinstance(force, openmm.DrudeForce):
            raise IncompatibleModelError(
                "The system has Drude particles, which must follow their parents; jumps do not "
                "move them yet. Use a non-polarizable force field."
            )
    chosen = set(atoms.tolist())
    for site in filter(system.isVirtualSite, range(system.getNumParticles())):
        virtual = system.getVirtualSite(site)
        parents = {virtual.getParticle(n) for n in range(virtual.getNumParticles())}
        if site in chosen or parents & chosen:
            raise IncompatibleModelError(
                f"Particle {site} is a virtual site of atoms that jump, or one itself, which jumps "
                "do not support yet. Use a force field without virtual sites for this molecule."
            )
    frozen = [atom for atom in atoms.tolist() if system.getParticleMass(atom)._value == 0]
    if frozen:
        raise IncompatibleModelError(
            f"{len(frozen)} of the atoms that jump have no mass (the first is atom {frozen[0]}), "
            "and OpenMM holds them in place, so that jumps would tear at them. Give them their "
            "mass."
        )


def _check_bonds(topology, atoms, spec):
    number = {atom: place for place, atom in enumerate(atoms.tolist())}
    ours = set()
    for bond in topology.bonds():
        ends = bond[0].index, bond[1].index
        inside = [number[end] for end in ends if end in number]
        if len(inside) == 1:
            raise IncompatibleModelError(
                f"The bond of atoms {ends[0]} and {ends[1]} leads out of the atoms that jump: "
                "choose whole molecules."
            )
        if inside:
            ours.add(tuple(sorted(inside)))
    theirs = {tuple(sorted(pair)) for pair in spec.bonds}
    if ours and ours != theirs:
        first, second = min(ours ^ theirs)
        where = "topology" if (first, second) in ours else "model"
        raise IncompatibleModelError(
            f"The topology has {len(ours)} bonds and the model {len(theirs)}: "
            f"{spec.atom_names[first]}-{spec.atom_names[second]} (atoms {atoms[first]}, "
            f"{atoms[second]}) is in the {where} alone. The model was trained on another molecule."
        )


def _compare(what, atoms, found, expected):
    for atom, ours, theirs in zip(atoms, found, expected, strict=True):
        if ours != theirs:
            raise IncompatibleModelError(
                f"Atom {atom} has {what} {ours!r} in the topology but {theirs!r} in the model: "
                "the model was trained on another molecule, or its atoms are in another order."
            )


def _check_masses(system, atoms, spec):
    masses = [system.getParticleMass(atom).value_in_unit(unit.dalton) for atom in atoms.tolist()]
    differences = np.abs(np.array(masses) - np.array(spec.masses))
    worst = int(differences.argmax())
    if differences[worst] > MASS_TOLERANCE:
        raise IncompatibleModelError(
            f"Atom {atoms[worst]} ({spec.atom_names[worst]}) weighs {masses[worst]:.4f} Da in the "
            f"system but {spec.masses[worst]:.4f} Da in the model: make the system with the masses "
            "of the model's training (hydrogen mass repartitioning?)."
        )


def _check_constraints(system, atoms, spec):
    number = {atom: place for place, atom in enumerate(atoms.tolist())}
    pairs, lengths = system_constraints(system)
    ours = {}
    for pair, length in zip(pairs.tolist(), to_angstrom(lengths).tolist(), strict=True):
        inside = [number[end] for end in pair if end in number]
        if len(inside) == 1:
            raise IncompatibleModelError(
                f"The constraint of atoms {pair[0]} and {pair[1]} leads out of the atoms that "
                "jump: choose whole molecules."
            )
        if inside:
            ours[tuple(sorted(inside))] = length
    theirs = {
        tuple(sorted(pair)): length
        for pair, length in zip(spec.constraints, spec.constraint_lengths, strict=True)
    }
    if ours.keys() != theirs.keys():
        first, second = min(ours.keys() ^ theirs.keys())
        where = (
            "system but not in the model"
            if (first, second) in ours
            else "model but not in the system"
        )
        raise IncompatibleModelError(
            f"The system has {len(ours)} constraints and the model {len(theirs)}: "
            f"{spec.atom_names[first]}-{spec.atom_names[second]} (atoms {atoms[first]}, "
            f"{atoms[second]}) is in the {where}. Make the system with the constraints of the "
            "model's training."
        )
    for pair, length in ours.items():
        if abs(length - theirs[pair]) > LENGTH_TOLERANCE:
            first, second = atoms[list(pair)]
            raise IncompatibleModelError(
                f"The constraint of atoms {first} and {second} is {length:.4f} Å in the system "
                f"but {theirs[pair]:.4f} Å in the model: use the force field of the model's "
                "training."
            )
