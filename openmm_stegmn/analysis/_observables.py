"""What is compared between frames: each observable adds up over the frames of a block."""

from abc import ABC, abstractmethod

import numpy as np
from MDAnalysis.lib.distances import calc_angles, calc_bonds, calc_dihedrals

from ._distances import Distance, JensenShannon, Wasserstein
from ._topology import angles_of, backbone_of, bonds_of, dihedrals_of, elements_of, labels_of

_DIHEDRAL_BINS, _RAMACHANDRAN_BINS = 36, 24
_SHORTEST_BOND, _LONGEST_BOND, _BOND_WIDTH = 0.6, 3.0, 0.005
_GYRATION_BINS = 600


class Observable(ABC):
    """An observable of a group of atoms.

    Attributes
    ----------
    name : str
    members : list of str
        What it is made of, such as dihedrals.
    size : int
        Numbers in a tally; those of each member are together.
    distance : Distance
    """

    name: str
    members: list
    size: int
    distance: Distance

    @abstractmethod
    def tally(self, positions, box):
        """What one frame adds, ``(size,)``.

        Parameters
        ----------
        positions : ndarray (n_atoms, 3)
            Å, of the group.
        box : ndarray (6,) or None
            As of MDAnalysis.
        """


class _Histograms(Observable):
    """A histogram for each member; a value is in the histogram of its member."""

    def _set_up(self, members, n_bins, distance):
        self.members, self._n_bins = list(members), n_bins
        self.size, self.distance = len(self.members) * n_bins, distance

    def _count(self, members, bins):
        places = members * self._n_bins + np.clip(bins, 0, self._n_bins - 1)
        return np.bincount(places, minlength=self.size).astype(float)


class Dihedrals(_Histograms):
    """Histograms of dihedrals in bins of 10°."""

    name = "dihedrals"

    def __init__(self, atoms, quadruples):
        self._quadruples = quadruples
        members = labels_of(atoms, quadruples)
        self._set_up(members, _DIHEDRAL_BINS, JensenShannon(len(members)))

    @classmethod
    def of(cls, atoms):
        found = dihedrals_of(bonds_of(atoms), elements_of(atoms))
        return cls(atoms, found) if len(found) else None

    def tally(self, positions, box):
        angles = torsions(positions, self._quadruples, box)
        return self._count(np.arange(len(angles)), angle_bins(angles, self._n_bins))


class Ramachandran(_Histograms):
    """Histograms of φ and ψ of each residue in squares of 15°."""

    name = "Ramachandran"

    def __init__(self, names, quadruples):
        self._quadruples = quadruples.reshape(-1, 4)
        self._set_up(names, _RAMACHANDRAN_BINS**2, JensenShannon(len(names)))

    @classmethod
    def of(cls, atoms):
        names, found = backbone_of(atoms)
        return cls(names, found) if names else None

    def tally(self, positions, box):
        angles = torsions(positions, self._quadruples, box)
        phi, psi = angle_bins(angles, _RAMACHANDRAN_BINS).reshape(-1, 2).T
        return self._count(np.arange(len(phi)), phi * _RAMACHANDRAN_BINS + psi)


class Bonds(_Histograms):
    """Histograms of bond lengths, of all bonds of the same two elements together."""

    name = "bonds"

    def __init__(self, atoms, pairs):
        self._pairs = pairs
        members, self._kinds = _by_elements(atoms, pairs)
        n_bins = round((_LONGEST_BOND - _SHORTEST_BOND) / _BOND_WIDTH)
        self._set_up(members, n_bins, Wasserstein(len(members), _BOND_WIDTH, "Å"))

    @classmethod
    def of(cls, atoms):
        found = bonds_of(atoms)
        return cls(atoms, found) if len(found) else None

    def tally(self, positions, box):
        lengths = calc_bonds(*(positions[column] for column in self._pairs.T), box=box)
        return self._count(self._kinds, ((lengths - _SHORTEST_BOND) / _BOND_WIDTH).astype(int))


class Angles(_Histograms):
    """Histograms of bond angles, of all of the same three elements together."""

    name = "angles"

    def __init__(self, atoms, triples):
        self._triples = triples
        members, self._kinds = _by_elements(atoms, triples)
        self._set_up(members, 180, Wasserstein(len(members), 1.0, "°"))

    @classmethod
    def of(cls, atoms):
        found = angles_of(bonds_of(atoms))
        return cls(atoms, found) if len(found) else None

    def tally(self, positions, box):
        angles = calc_angles(*(positions[column] for column in self._triples.T), box=box)
        return self._count(self._kinds, np.rad2deg(angles).astype(int))


class GyrationRadius(_Histograms):
    """Histogram of the radius of gyration; the group has to be whole in each frame."""

    name = "radius of gyration"

    def __init__(self, atoms):
        self._masses = _masses(atoms)
        # what a frame may have more than the one that the trajectory is at
        self._largest = 3 * max(self._radius(atoms.positions), 0.1)
        width = self._largest / _GYRATION_BINS
        self._set_up([self.name], _GYRATION_BINS, Wasserstein(1, width, "Å"))

    @classmethod
    def of(cls, atoms):
        return cls(atoms) if len(atoms) > 1 else None

    def tally(self, positions, box):
        place = int(self._radius(positions) / self._largest * _GYRATION_BINS)
        return self._count(np.zeros(1, int), np.array([place]))

    def _radius(self, positions):
        positions = positions.astype(float)
        share = self._masses / self._masses.sum()
        away = positions - share @ positions
        return float(np.sqrt(share @ (away**2).sum(1)))


def torsions(positions, quadruples, box=None):
    """Dihedrals, rad, ``(n,)``, of quadruples ``(n, 4)`` of atoms."""
    return calc_dihedrals(*(positions[column] for column in quadruples.T), box=box)


def angle_bins(angles, n_bins):
    """Bin of each angle, rad, of those from -π to π."""
    return (np.floor((angles + np.pi) / (2 * np.pi) * n_bins)).astype(int) % n_bins


def _masses(atoms):
    masses = getattr(atoms, "masses", None)
    return np.ones(len(atoms)) if masses is None or not np.any(masses > 0) else masses


def _by_elements(atoms, tuples):
    """Names of kinds of bonds or angles, and the kind of each."""
    elements, names = elements_of(atoms), []
    for each in tuples:
        symbols = [elements[atom] for atom in each]
        names.append("-".join(min(symbols, symbols[::-1])))
    return np.unique(names, return_inverse=True)
