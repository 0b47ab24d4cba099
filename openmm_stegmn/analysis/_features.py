"""What a Markov model tells states apart by."""

import numpy as np
from MDAnalysis.lib.distances import self_distance_array

from ..systems import elements_of
from ._observables import torsions
from ._topology import backbone_of, bonds_of, dihedrals_of

#: Features by name; a user's own are a function of an AtomGroup.
FEATURES = ("dihedrals", "distances", "contacts")
_CONTACT, _SOFT = 8.0, 1.0
_FEW_RESIDUES = 4
_MOST_SITES = 60


def make_features(features, atoms):
    """A function that gives the features of the frame that the trajectory is at.

    Parameters
    ----------
    features : str or callable
        "dihedrals": cosines and sines of φ and ψ and of every other bond that can turn.
        "distances": between Cα atoms, or between all heavy atoms of a small molecule.
        "contacts": the same as smooth contacts within 8 Å, from 1 to 0.
        A function of an AtomGroup that gives an array ``(n_features,)``; it must be defined in a
        module to be run in parallel.
    atoms : MDAnalysis.AtomGroup

    Raises
    ------
    ValueError
        If the name is unknown, or the atoms have no such features.
    """
    if callable(features):
        return features
    if features == "dihedrals":
        return _Dihedrals(atoms)
    if features in FEATURES:
        return _Distances(atoms, features == "contacts")
    raise ValueError(
        f"features {features!r}: expected {', '.join(FEATURES)}, or a function of an AtomGroup."
    )


class _Dihedrals:
    def __init__(self, atoms):
        _, backbone = backbone_of(atoms)
        turning = dihedrals_of(bonds_of(atoms), elements_of(atoms))
        own = {frozenset(four[1:3]) for four in backbone.reshape(-1, 4).tolist()}
        others = [four for four in turning.tolist() if frozenset(four[1:3]) not in own]
        self._quadruples = np.array(backbone.reshape(-1, 4).tolist() + others, int).reshape(-1, 4)
        if not len(self._quadruples):
            raise ValueError(
                f"The {len(atoms)} atoms have no bond that can turn: use features='distances' or a "
                "function."
            )

    def __call__(self, atoms):
        angles = torsions(atoms.positions, self._quadruples, atoms.universe.dimensions)
        return np.concatenate([np.cos(angles), np.sin(angles)])


class _Distances:
    def __init__(self, atoms, contacts):
        self._contacts = contacts
        heavy = elements_of(atoms) != "H"
        sites = np.flatnonzero((atoms.names == "CA") & heavy)
        if len(sites) < _FEW_RESIDUES:
            sites = np.flatnonzero(heavy)
        # every so many, for the number of pairs
        self._sites = sites[:: -(-len(sites) // _MOST_SITES) or 1]
        if len(self._sites) < 2:
            raise ValueError(f"The {len(atoms)} atoms have no two heavy ones to measure between.")

    def __call__(self, atoms):
        positions = atoms.positions[self._sites]
        found = self_distance_array(positions, box=atoms.universe.dimensions)
        return 1 / (1 + np.exp((found - _CONTACT) / _SOFT)) if self._contacts else found
