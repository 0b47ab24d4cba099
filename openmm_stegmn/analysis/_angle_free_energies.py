"""Free energies over φ and ψ, or over single dihedrals: raw, corrected, and of a reference."""

from dataclasses import dataclass, field

import numpy as np

from ._basins import basin_table
from ._blocks import block_of_frames
from ._frame_analysis import FrameAnalysis, WorkerResults, join
from ._free_energy import (
    LEAST_SHARE,
    FreeEnergy,
    angle_edges,
    free_energy_error,
    free_energy_of,
)
from ._observables import torsions
from ._topology import backbone_of, bonds_of, dihedrals_of, elements_of, labels_of

# Residues, or dihedrals, that free energies are shown of.
_MOST_SHOWN = 3
# More are not kept of every frame: those that are shown are then read in a pass of their own.
_MOST_READ = 12


@dataclass
class AngleFreeEnergies:
    """Free energies over one or two dihedrals.

    Attributes
    ----------
    name : str
        Of the residue or dihedral.
    axes : list of str
        Such as φ and ψ.
    raw : FreeEnergy
        Of all frames as they are.
    corrected : FreeEnergy or None
        Of the legs, weighted; of an exact run all frames, which need no weights.
    reference : FreeEnergy or None
        Of plain molecular dynamics.
    profiles : list of dict
        Of each axis, the same three by name.
    basins : list of dict
        Of φ and ψ: "name" of a basin, its share with low and high (95 %) as "raw", "corrected" and
        "reference", and "leaving", the mean first passage time out of it (ps) with low and high.
    """

    name: str
    axes: list
    raw: FreeEnergy
    corrected: FreeEnergy | None
    reference: FreeEnergy | None
    profiles: list
    basins: list = field(default_factory=list)

    def error(self, which):
        """Root mean square difference from the reference, kT; NaN without one.

        Parameters
        ----------
        which : {"raw", "corrected"}
        """
        found = getattr(self, which)
        if self.reference is None or found is None or not found.population.any():
            return float("nan")
        return free_energy_error(found.population, self.reference.population)[0]

    def noise(self, which):
        """What the error is by noise alone, kT: root mean square of both standard errors."""
        found = getattr(self, which)
        if self.reference is None or found is None:
            return float("nan")
        chosen = self.reference.population >= LEAST_SHARE
        chosen &= np.isfinite(found.high) & np.isfinite(self.reference.high)
        if not chosen.any():
            return float("nan")
        # 95 % of a normal distribution are 3.92 standard errors
        errors = [(each.high[chosen] - each.low[chosen]) / 3.92 for each in (found, self.reference)]
        variance = sum(error**2 for error in errors)
        return float(np.sqrt(variance.mean()))


class ShownAngles:
    """Dihedrals of a trajectory that free energies may be shown of.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
    frames : HybridFrames

    Attributes
    ----------
    names : list of str
        Of residues with φ and ψ, or else of single dihedrals.
    axes : list of str
    observable : str
        Name of the observable that compares them.
    readers : list of FrameAnalysis
        To be run over the trajectory with other analyses; none, if there are too many dihedrals.
    """

    def __init__(self, atoms, frames):
        self.atoms, self.frames = atoms, frames
        self.names, self._quadruples = backbone_of(atoms)
        self.axes, self.observable = ["φ", "ψ"], "Ramachandran"
        if not self.names:
            found = dihedrals_of(bonds_of(atoms), elements_of(atoms))
            self.names, self._quadruples = labels_of(atoms, found), found[:, None]
            self.axes, self.observable = ["dihedral"], "dihedrals"
        few = 0 < len(self.names) <= _MOST_READ
        self.readers = [self._reader(range(len(self.names)))] if few else []
        self._read = range(len(self.names)) if few else ()

    def _reader(self, chosen):
        return AngleSeries(self.atoms, self._quadruples[list(chosen)].reshape(-1, 4))

    def read(self, chosen):
        """Readers that have yet to run, for `angles` of dihedrals by number: none or one."""
        if set(chosen) <= set(self._read):
            return []
        self._read, self.readers = chosen, [self._reader(chosen)]
        return self.readers

    def angles(self, number):
        """rad, ``(n_frames, n_axes)``, of one that has been read."""
        n_axes, place = len(self.axes), list(self._read).index(number)
        return self.readers[0].results.angles[:, place * n_axes : (place + 1) * n_axes]


class AngleSeries(FrameAnalysis):
    """Dihedrals of every frame.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
    quadruples : ndarray (n, 4)
        Places in the group.

    Attributes
    ----------
    results.angles : ndarray (n_frames, n)
        rad.
    """

    def __init__(self, atoms, quadruples):
        super().__init__(atoms.universe.trajectory)
        self._atoms, self._quadruples = atoms, quadruples

    def _prepare(self):
        self.results.angles = np.empty((self.n_frames, len(self._quadruples)))

    def _single_frame(self):
        angles = torsions(self._atoms.positions, self._quadruples, self._ts.dimensions)
        self.results.angles[self._frame_index] = angles

    def _get_aggregator(self):
        return WorkerResults(lookup={"angles": join})


def most_different(angles, comparison):
    """Numbers of the few dihedrals or residues that differ most.

    Parameters
    ----------
    angles : ShownAngles
    comparison : OriginComparison
        That has run.

    Returns
    -------
    list of int
    """
    names = angles.names
    worst = [c.worst for c in comparison.results.comparisons if c.observable == angles.observable]
    order = sorted(range(len(names)), key=lambda n: (names[n] not in worst, n))
    return sorted(order[:_MOST_SHOWN])


def angle_free_energies(chosen, angles, plain, markov):
    """Free energies of some dihedrals or residues.

    Parameters
    ----------
    chosen : list of int
    angles : ShownAngles
        That have been read.
    plain : ShownAngles or None
        Of plain molecular dynamics.
    markov : LegMarkovModel or None

    Returns
    -------
    list of AngleFreeEnergies
    """
    physical = None if plain is None else ~plain.frames.jumped
    found = []
    for number in chosen:
        other = None
        if plain is not None:
            other = plain.angles(number)[physical], plain.frames[physical]
        found.append(
            _free_energies_of(angles.names[number], angles, angles.angles(number), other, markov)
        )
    return found


def _free_energies_of(name, angles, own, reference, markov):
    frames, axes = angles.frames, angles.axes
    blocks = block_of_frames(frames)

    def sides(columns, edges):
        made = {"raw": free_energy_of(own[:, columns], edges, blocks), "reference": None}
        made["corrected"] = made["raw"] if frames.exact else None
        if markov is not None and not frames.exact:
            made["corrected"] = markov.free_energy(own[:, columns], edges)
        if reference is not None:
            values, plain = reference
            made["reference"] = free_energy_of(values[:, columns], edges, block_of_frames(plain))
        return made

    columns = list(range(len(axes)))
    profiles = [sides([column], [angle_edges(36)]) for column in columns]
    both = sides(columns, [angle_edges()] * len(axes))
    basins = basin_table(own, frames, markov, reference) if len(axes) == 2 else []
    return AngleFreeEnergies(name, axes, **both, profiles=profiles, basins=basins)
