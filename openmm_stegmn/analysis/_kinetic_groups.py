"""Kinetic energies of elements and residues."""

import numpy as np
from openmm import unit

from ..systems import elements_of
from ..units import GAS_CONSTANT
from ._constraint_audit import constraints_of
from ._equipartition import DegreesOfFreedom

# Da (Å/ps)² in kJ/mol
_KINETIC = 1e-2
# Degrees of freedom of atoms change little with the positions.
_FRAMES_FOR_DEGREES = 16


class KineticGroups:
    """Which atoms belong to which element and residue, and what energy they should have.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
        Its trajectory is gone through at a few frames.
    system : openmm.System
    centre_at_rest : bool, optional
        Whether the motion of the centre of mass is removed. Default: whether the system has a
        CMMotionRemover.

    Attributes
    ----------
    kinds : tuple of str
        "element" and "residue".
    names : dict of ndarray
        Of the groups of each kind.
    degrees : dict of ndarray
        Degrees of freedom of each group.
    """

    kinds = ("element", "residue")

    def __init__(self, atoms, system, centre_at_rest=None):
        masses = np.array(
            [
                system.getParticleMass(n).value_in_unit(unit.dalton)
                for n in range(system.getNumParticles())
            ]
        )
        self._masses = masses[atoms.indices]
        self._degrees = _mean_degrees(atoms, system, masses, centre_at_rest)
        residues = np.array([f"{atom.resname} {atom.resid}" for atom in atoms])
        self.names, self._group, self.degrees = {}, {}, {}
        for kind, of_atom in (("element", elements_of(atoms).astype(str)), ("residue", residues)):
            names, first, group = np.unique(of_atom, return_index=True, return_inverse=True)
            order = np.argsort(first)  # residues as in the chain
            self.names[kind], self._group[kind] = names[order], np.argsort(order)[group]
            self.degrees[kind] = self._sum(kind, self._degrees)

    def kinetic(self, velocities):
        """Kinetic energy of each atom, kJ/mol.

        Parameters
        ----------
        velocities : ndarray (n_atoms, 3)
            Å/ps.
        """
        return _KINETIC * self._masses * (velocities.astype(float) ** 2).sum(axis=1) / 2

    def temperature(self, kinetic):
        """Of all atoms, K."""
        return 2 * kinetic.sum() / (self._degrees.sum() * GAS_CONSTANT)

    def _sum(self, kind, values):
        return np.bincount(self._group[kind], values, len(self.names[kind]))

    def sums(self, kinetic):
        """Of each kind: kinetic energies of its groups."""
        return {kind: self._sum(kind, kinetic) for kind in self.kinds}


def _mean_degrees(atoms, system, masses, centre_at_rest):
    universe = atoms.universe
    pairs, _ = constraints_of(universe.atoms, system)
    if centre_at_rest is None:
        names = [type(force).__name__ for force in system.getForces()]
        centre_at_rest = "CMMotionRemover" in names
    degrees, found = DegreesOfFreedom(masses, pairs, centre_at_rest), []
    n_frames = universe.trajectory.n_frames
    for number in np.unique(np.linspace(0, n_frames - 1, _FRAMES_FOR_DEGREES).astype(int)):
        ts = universe.trajectory[number]
        box = None if ts.dimensions is None else ts.dimensions[:3].astype(float)
        found.append(degrees(universe.atoms.positions, box))
    universe.trajectory[0]
    return np.mean(found, axis=0)[atoms.indices]
