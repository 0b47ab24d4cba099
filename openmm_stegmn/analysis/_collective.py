"""Observables of many atoms together: fluctuations, solvent, secondary structure."""

import numpy as np
from MDAnalysis.analysis.align import rotation_matrix
from MDAnalysis.analysis.dssp import assign
from MDAnalysis.lib.distances import capped_distance

from ..systems import elements_of
from ._distances import CurveDifference, FluctuationDifference, JensenShannon
from ._observables import Observable
from ._topology import labels_of, solvent_oxygens

_RDF_RANGE, _RDF_BINS = 10.0, 100
# DSSP looks at hydrogen bonds between residues that are further apart in the chain.
_LEAST_RESIDUES = 6


class Fluctuations(Observable):
    """Root mean square fluctuations (RMSF) of heavy atoms, superposed on one frame."""

    name = "RMSF"

    def __init__(self, atoms, chosen):
        self._chosen = chosen
        self._reference = _centred(atoms.positions[chosen])
        self.members = labels_of(atoms, chosen[:, None])
        self.size = 4 * len(chosen)
        self.distance = FluctuationDifference(len(chosen))

    @classmethod
    def of(cls, atoms):
        chosen = np.flatnonzero(elements_of(atoms) != "H")
        return cls(atoms, chosen) if len(chosen) > 3 else None

    def tally(self, positions, box):
        own = _centred(positions[self._chosen])
        rotation, _ = rotation_matrix(own, self._reference)
        # small numbers, whose squares can be subtracted from each other
        away = own @ rotation.T - self._reference
        return np.column_stack([away, (away**2).sum(1)]).ravel()


class RadialDistribution(Observable):
    """Radial distribution of water's oxygen about heavy atoms of the group, to 10 Å."""

    name = "RDF of water"

    def __init__(self, atoms, oxygens):
        self._centres = np.flatnonzero(elements_of(atoms) != "H")
        self._oxygens = oxygens
        self.members, self.size = ["heavy atoms to O of water"], _RDF_BINS
        edges = np.linspace(0, _RDF_RANGE, _RDF_BINS + 1)
        shells = 4 / 3 * np.pi * np.diff(edges**3)
        self._scale = 1 / (len(self._centres) * len(oxygens) * shells)
        self.distance = CurveDifference(1)

    @classmethod
    def of(cls, atoms):
        oxygens = solvent_oxygens(atoms.universe) - atoms
        periodic = atoms.universe.dimensions is not None
        return cls(atoms, oxygens) if len(oxygens) and periodic else None

    def tally(self, positions, box):
        _, distances = capped_distance(
            positions[self._centres], self._oxygens.positions, _RDF_RANGE, box=box
        )
        counts, _ = np.histogram(distances, bins=_RDF_BINS, range=(0, _RDF_RANGE))
        return counts * self._scale * _volume(box)


class SecondaryStructure(Observable):
    """Share of loop, helix and strand of each residue (DSSP)."""

    name = "secondary structure"

    def __init__(self, members, places):
        self._places = places
        self.members, self.size = members, 3 * len(members)
        self.distance = JensenShannon(len(members))

    @classmethod
    def of(cls, atoms):
        members, places = [], []
        of_atom = {index: place for place, index in enumerate(atoms.indices)}
        for residue in atoms.residues:
            own = {atom.name: of_atom[atom.index] for atom in residue.atoms & atoms}
            four = [own.get(name) for name in ("N", "CA", "C", "O")]
            four[3] = own.get("OXT", own.get("OT1")) if four[3] is None else four[3]
            if None not in four:
                members.append(f"{residue.resname} {residue.resid}")
                places.append(four)
        return cls(members, np.array(places)) if len(members) >= _LEAST_RESIDUES else None

    def tally(self, positions, box):
        return assign(positions[self._places]).astype(float).ravel()


def _centred(positions):
    positions = positions.astype(float)
    return positions - positions.mean(0)


def _volume(box):
    a, b, c = box[:3]
    x, y, z = np.cos(np.deg2rad(box[3:]))
    return a * b * c * np.sqrt(max(1 - x * x - y * y - z * z + 2 * x * y * z, 0.0))
