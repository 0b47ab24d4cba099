"""Where the atoms of a model are in a system."""

from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np

from ._constraints import system_constraints
from ._errors import IncompatibleModelError


@dataclass(frozen=True)
class Embedding:
    """What a bridge must know of the system around a model; it can be pickled.

    Parameters
    ----------
    atoms : tuple of int
        Particles that are the model's atoms, in its order.
    n_particles : int
        Of the system.
    periodic : bool
    pairs : tuple of (int, int)
        Constraints of the model's atoms, by their numbers in the model.
    lengths : tuple of float
        Of the constraints, nm.
    """

    atoms: tuple
    n_particles: int
    periodic: bool
    pairs: tuple
    lengths: tuple

    @classmethod
    def of(cls, system, atoms) -> "Embedding":
        """Of atoms that no constraint leads out of."""
        number = {int(atom): place for place, atom in enumerate(atoms)}
        pairs, lengths = system_constraints(system)
        inside = [n for n, (first, _) in enumerate(pairs.tolist()) if first in number]
        return cls(
            tuple(number), system.getNumParticles(), system.usesPeriodicBoundaryConditions(),
            tuple((number[a], number[b]) for a, b in pairs[inside].tolist()),
            tuple(lengths[inside].tolist()),
        )  # fmt: skip

    def alone(self) -> "Embedding":
        """Of what is shown the model's atoms alone, in its order."""
        count = len(self.atoms)
        return replace(self, atoms=tuple(range(count)), n_particles=count)

    @property
    def whole(self) -> bool:
        """Whether the model has all particles, in their order."""
        return self.atoms == tuple(range(self.n_particles))


def select_atoms(topology, spec, atoms=None) -> np.ndarray:
    """Particles that are the model's atoms.

    Parameters
    ----------
    topology : openmm.app.Topology
    spec : ModelSpec
    atoms : sequence of int or MDAnalysis.AtomGroup, optional
        By default all, or the one stretch of the topology that has the names of the model's atoms.

    Raises
    ------
    IncompatibleModelError
        If atoms are given that are not as many as the model's, or not in the topology; if none are
        given and the topology has no such stretch, or several.
    """
    count = topology.getNumAtoms()
    if atoms is not None:
        return _check(getattr(atoms, "indices", atoms), count, spec.n_atoms)
    if count == spec.n_atoms:
        return np.arange(count)
    found = [(atom.residue.name, atom.name) for atom in topology.atoms()]
    wanted = list(zip(spec.residue_names, spec.atom_names, strict=True))
    starts = [
        start for start in range(count - spec.n_atoms + 1)
        if found[start] == wanted[0] and found[start : start + spec.n_atoms] == wanted
    ]  # fmt: skip
    if len(starts) == 1:
        return np.arange(starts[0], starts[0] + spec.n_atoms)
    if not starts:
        raise IncompatibleModelError(
            f"The system has {count} atoms but the model was trained for {spec.n_atoms}, from "
            f"{wanted[0][1]} of {wanted[0][0]} to {wanted[-1][1]} of {wanted[-1][0]}, and nowhere "
            "are such atoms next to each other in this order. Use a model trained on this "
            "molecule, or pass atoms= with the model's atoms in its order."
        )
    raise IncompatibleModelError(
        f"The system has {len(starts)} molecules that the model could be for, beginning at atoms "
        f"{', '.join(map(str, starts[:5]))}{', ...' if len(starts) > 5 else ''}: pass atoms= with "
        "those of the one that jumps."
    )


def _check(atoms, count, expected):
    given = list(atoms)
    if not all(isinstance(atom, Integral) and not isinstance(atom, bool) for atom in given):
        raise IncompatibleModelError("atoms= must be whole numbers, or an MDAnalysis AtomGroup.")
    if len(given) != expected:
        raise IncompatibleModelError(
            f"atoms= has {len(given)} atoms but the model was trained for {expected}: pass the "
            "model's atoms, in its order."
        )
    outside = [int(atom) for atom in given if not 0 <= atom < count]
    if outside:
        raise IncompatibleModelError(
            f"atoms= has atom {outside[0]}, and the system has {count} atoms, from 0 to "
            f"{count - 1}."
        )
    if len(set(given)) != len(given):
        raise IncompatibleModelError("atoms= has an atom twice.")
    return np.array(given, dtype=np.int64)
