"""Does this model fit this system? Asked before anything is changed."""

import numpy as np
import openmm
from openmm import unit

from ..units import to_angstrom
from ._backends import BRIDGE_NAME
from ._constraints import system_constraints
from ._context import system_in_use
from ._member import BRIDGE_GROUP

#: Masses (Da) closer than this are the same: force fields round differently, isotopes and
#: repartitioning differ by more.
MASS_TOLERANCE = 0.02
#: Constraint lengths (Å) closer than this are the same.
LENGTH_TOLERANCE = 0.005
#: How far from an integer the number of steps in a frame may be.
STEPS_TOLERANCE = 1e-6


class IncompatibleModelError(ValueError):
    """A model, a system and an integrator that do not go together; the text says where."""


def check_fit(system, topology, model):
    """Compare a model's specification with a system and its topology.

    Raises
    ------
    IncompatibleModelError
        On the first difference in atoms, masses or constraints, and for systems that jumps do not
        support yet.
    """
    spec = model.spec
    _check_particles(system)
    if topology.getNumAtoms() != system.getNumParticles():
        raise IncompatibleModelError(
            f"The topology has {topology.getNumAtoms()} atoms and the system "
            f"{system.getNumParticles()} particles: pass the topology that the system was made "
            "from."
        )
    if system.getNumParticles() != spec.n_atoms:
        raise IncompatibleModelError(
            f"The system has {system.getNumParticles()} atoms but the model was trained for "
            f"{spec.n_atoms}; jumps of a part of a system are not supported yet. Use a model "
            "trained on this molecule."
        )
    atoms = list(topology.atoms())
    _compare("atom name", [atom.name for atom in atoms], spec.atom_names)
    _compare(
        "element",
        [atom.element.symbol if atom.element is not None else "X" for atom in atoms],
        spec.elements,
    )
    _compare("residue name", [atom.residue.name for atom in atoms], spec.residue_names)
    _check_bonds(topology, spec)
    _check_masses(system, spec)
    _check_constraints(system, spec)


def check_integrator(integrator):
    """Raise ValueError unless `integrator` can be the physical member of a propagator."""
    if not isinstance(integrator, openmm.Integrator) or isinstance(
        integrator, openmm.CompoundIntegrator
    ):
        raise ValueError(
            f"integrator must be one ordinary OpenMM integrator, found {type(integrator).__name__}."
        )
    if not integrator.thisown:
        raise ValueError(
            f"This {type(integrator).__name__} already belongs to another propagator or "
            "CompoundIntegrator: make a new one."
        )


def steps_per_frame(model, integrator):
    """Number of physical steps in the model's frame interval.

    Raises
    ------
    IncompatibleModelError
        If the time step does not divide the frame interval, or varies.
    """
    if "Variable" in type(integrator).__name__:
        raise IncompatibleModelError(
            f"{type(integrator).__name__} changes its time step, but the model needs frames "
            f"exactly {model.frame_interval:g} ps apart: use an integrator with a fixed step."
        )
    step = integrator.getStepSize().value_in_unit(unit.picosecond)
    ratio = model.frame_interval / step if step > 0 else 0.0
    count = round(ratio)
    if count < 1 or abs(ratio - count) > STEPS_TOLERANCE:
        raise IncompatibleModelError(
            f"The model's frame interval is {model.frame_interval:g} ps and the time step "
            f"{1000 * step:g} fs, which is {ratio:.6g} steps a frame: choose a time step that "
            "divides the frame interval into whole steps."
        )
    return count


def leftover_bridge(system):
    """Index of the bridge force that an earlier propagator added to `system`, or None.

    Raises
    ------
    IncompatibleModelError
        If another force occupies the bridge's group, or a live Context still uses the leftover.
    """
    found = None
    for index, force in enumerate(system.getForces()):
        reciprocal = (
            force.getReciprocalSpaceForceGroup() if isinstance(force, openmm.NonbondedForce) else -1
        )
        if BRIDGE_GROUP not in (force.getForceGroup(), reciprocal):
            continue
        if force.getName() != BRIDGE_NAME:
            raise IncompatibleModelError(
                f"Force group {BRIDGE_GROUP} belongs to jumps, but {force.getName()!r} is in it: "
                "move that force to another group."
            )
        found = index
    if found is not None and system_in_use(system):
        raise IncompatibleModelError(
            "This System already has a propagator whose Context is alive: delete that Context "
            "(or Simulation) first, or make the new propagator with a copy of the System "
            "(copy.deepcopy)."
        )
    return found


def _check_particles(system):
    for force in system.getForces():
        if isinstance(force, openmm.DrudeForce):
            raise IncompatibleModelError(
                "The system has Drude particles, which must follow their parents; jumps do not "
                "move them yet. Use a non-polarizable force field."
            )
    virtual = [index for index in range(system.getNumParticles()) if system.isVirtualSite(index)]
    if virtual:
        raise IncompatibleModelError(
            f"The system has {len(virtual)} virtual sites (the first is particle {virtual[0]}), "
            "which jumps do not support yet. Use a model without virtual sites (for water: TIP3P "
            "or implicit solvent)."
        )

    frozen = [
        index
        for index in range(system.getNumParticles())
        if system.getParticleMass(index)._value == 0
    ]
    if frozen:
        raise IncompatibleModelError(
            f"The system has {len(frozen)} atoms without mass (the first is {frozen[0]}), which "
            "OpenMM holds in place, so that jumps would tear at them. Give them their mass."
        )
    if system.usesPeriodicBoundaryConditions():
        raise IncompatibleModelError(
            "The system is periodic, where molecules of a window would have to be made whole "
            "first; jumps do not do that yet. Use vacuum or implicit solvent, with NoCutoff."
        )


def _check_bonds(topology, spec):
    ours = {tuple(sorted((bond[0].index, bond[1].index))) for bond in topology.bonds()}
    theirs = {tuple(sorted(pair)) for pair in spec.bonds}
    if ours and ours != theirs:
        first, second = min(ours ^ theirs)
        where = "topology" if (first, second) in ours else "model"
        raise IncompatibleModelError(
            f"The topology has {len(ours)} bonds and the model {len(theirs)}: "
            f"{spec.atom_names[first]}-{spec.atom_names[second]} (atoms {first}, {second}) is in "
            f"the {where} alone. The model was trained on another molecule."
        )


def _compare(what, found, expected):
    for index, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        if ours != theirs:
            raise IncompatibleModelError(
                f"Atom {index} has {what} {ours!r} in the topology but {theirs!r} in the model: "
                "the model was trained on another molecule, or its atoms are in another order."
            )


def _check_masses(system, spec):
    masses = [
        system.getParticleMass(index).value_in_unit(unit.dalton) for index in range(spec.n_atoms)
    ]
    differences = np.abs(np.array(masses) - np.array(spec.masses))
    worst = int(differences.argmax())
    if differences[worst] > MASS_TOLERANCE:
        raise IncompatibleModelError(
            f"Atom {worst} ({spec.atom_names[worst]}) weighs {masses[worst]:.4f} Da in the system "
            f"but {spec.masses[worst]:.4f} Da in the model: make the system with the masses of "
            "the model's training (hydrogen mass repartitioning?)."
        )


def _check_constraints(system, spec):
    pairs, lengths = system_constraints(system)
    ours = {
        tuple(sorted(pair)): length
        for pair, length in zip(pairs.tolist(), to_angstrom(lengths).tolist(), strict=True)
    }
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
            f"{spec.atom_names[first]}-{spec.atom_names[second]} (atoms {first}, {second}) is in "
            f"the {where}. Make the system with the constraints of the model's training."
        )
    for pair, length in ours.items():
        if abs(length - theirs[pair]) > LENGTH_TOLERANCE:
            raise IncompatibleModelError(
                f"The constraint of atoms {pair[0]} and {pair[1]} is {length:.4f} Å in the system "
                f"but {theirs[pair]:.4f} Å in the model: use the force field of the model's "
                "training."
            )
