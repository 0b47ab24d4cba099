"""How well every constrained length is kept, by frame and by what made the frame."""

import numpy as np
from MDAnalysis.lib.distances import calc_bonds

from ..simulation import Origin, system_constraints
from ..units import to_angstrom
from ._frame_analysis import FrameAnalysis, WorkerResults, add_up, join
from ._frames import HybridFrames


class ConstraintAudit(FrameAnalysis):
    """Deviation of each constrained length from what it should be.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
        Constraints with both atoms in the group are looked at.
    system : openmm.System, optional
        Of all atoms of the universe; has the constraints.
    pairs : array_like (n_constraints, 2), optional
        Instead of a system: indices of atoms of the universe.
    lengths : array_like (n_constraints,), optional
        Å, of the pairs.
    frames : HybridFrames, optional
        Default: those of the trajectory.

    Attributes
    ----------
    results.worst, results.mean : ndarray (n_frames,)
        Largest and mean relative deviation in a frame; 0 without constraints.
    results.times : ndarray (n_frames,)
        ps.
    results.origins : ndarray (n_frames,), int
    results.by_origin : dict
        Of "physical" and "jumped" frames: "frames", "worst", "mean" (relative), "worst_angstrom".
    results.worst_of_constraint, results.mean_of_constraint : ndarray (2, n_constraints)
        Relative; in physical and in jumped frames; NaN where there are none.
    results.pairs, results.lengths
        Constraints looked at; lengths in Å.
    results.resolution : float
        Largest deviation that rounding of the coordinates in the file may make, relative.

    Raises
    ------
    ValueError
        If constraints are not given, or are of other atoms than the universe has.
    """

    def __init__(
        self, atoms, system=None, *, pairs=None, lengths=None, frames=None, **options
    ):  # fmt: skip
        atoms = atoms.atoms
        super().__init__(atoms.universe.trajectory, **options)
        self._atoms = atoms.universe.atoms
        self._pairs, self._lengths = constraints_of(atoms, system, pairs, lengths)
        frames = HybridFrames.of(self._trajectory) if frames is None else frames
        self._origins, self._all_times = frames.origin, frames.time

    def _prepare(self):
        n_constraints = len(self._pairs)
        self.results.frame_numbers = np.zeros(self.n_frames, int)
        for name in ("worst", "mean", "rounding"):
            self.results[name] = np.zeros(self.n_frames)
        self.results.largest = np.zeros((2, n_constraints))
        self.results.sums = np.zeros((2, n_constraints))

    def _single_frame(self):
        frame, positions = self._ts.frame, self._atoms.positions
        ends = (positions[column] for column in self._pairs.T)
        errors = np.abs(calc_bonds(*ends, box=self._ts.dimensions) / self._lengths - 1)
        kind, place = int(self._origins[frame] == Origin.JUMP), self._frame_index
        self.results.frame_numbers[place] = frame
        self.results.worst[place] = errors.max(initial=0.0)
        self.results.mean[place] = errors.mean() if len(errors) else 0.0
        self.results.rounding[place] = _rounding(positions)
        np.maximum(self.results.largest[kind], errors, out=self.results.largest[kind])
        self.results.sums[kind] += errors

    def _get_aggregator(self):
        return WorkerResults(
            lookup={
                "frame_numbers": join, "worst": join, "mean": join, "rounding": join,
                "largest": _largest, "sums": add_up,
            }
        )  # fmt: skip

    def _conclude(self):
        results = self.results
        numbers = results.frame_numbers
        results.times, results.origins = self._all_times[numbers], self._origins[numbers]
        results.pairs, results.lengths = self._pairs, self._lengths
        shortest = self._lengths.min(initial=np.inf)
        # both ends are rounded in three directions, by half a step
        results.resolution = float(2 * np.sqrt(3) * results.rounding.max(initial=0.0) / shortest)
        jumped = results.origins == Origin.JUMP
        counts = np.array([(~jumped).sum(), jumped.sum()])
        with np.errstate(invalid="ignore"):
            results.mean_of_constraint = results.sums / np.where(counts, counts, np.nan)[:, None]
        results.worst_of_constraint = np.where(counts[:, None] > 0, results.largest, np.nan)
        results.by_origin = {
            name: self._about(kind, counts[kind])
            for kind, name in enumerate(("physical", "jumped"))
        }

    def _about(self, kind, count):
        largest, sums = self.results.largest[kind], self.results.sums[kind]
        there = bool(count) and len(largest) > 0
        return {
            "frames": int(count),
            "worst": float(largest.max()) if there else float("nan"),
            "mean": float(sums.mean() / count) if there else float("nan"),
            "worst_angstrom": float((largest * self._lengths).max()) if there else float("nan"),
        }


def constraints_of(atoms, system=None, pairs=None, lengths=None):
    """Constraints between atoms of a group, as indices of the universe and lengths in Å.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
    system : openmm.System, optional
    pairs, lengths : array_like, optional
        Instead of it.

    Returns
    -------
    pairs : ndarray (n_constraints, 2), int
    lengths : ndarray (n_constraints,)

    Raises
    ------
    ValueError
        If neither or both are given, or they do not fit the atoms.
    """
    if (system is None) == (pairs is None) or (pairs is None) != (lengths is None):
        raise ValueError(
            "Constraints come from system=, or from pairs= and lengths= together: pass one of both."
        )
    n_atoms = atoms.universe.atoms.n_atoms
    if system is not None:
        if system.getNumParticles() != n_atoms:
            raise ValueError(
                f"The system has {system.getNumParticles()} particles, the universe {n_atoms} "
                "atoms: expected the system that was simulated, with all its atoms."
            )
        pairs, lengths = system_constraints(system)
        lengths = to_angstrom(lengths)
    pairs = np.asarray(pairs, dtype=int).reshape(-1, 2)
    lengths = np.asarray(lengths, dtype=float)
    if lengths.shape != (len(pairs),) or not (lengths > 0).all():
        raise ValueError(
            f"There are {len(pairs)} pairs and lengths of shape {lengths.shape}: expected one "
            "positive length, in Å, for each pair."
        )
    if len(pairs) and not 0 <= pairs.min() <= pairs.max() < n_atoms:
        raise ValueError(
            f"Pairs name atoms {pairs.min()} to {pairs.max()}, the universe has 0 to {n_atoms - 1}."
        )
    inside = np.isin(pairs, atoms.indices).all(axis=1)
    return pairs[inside], lengths[inside]


def _rounding(positions):
    """Largest rounding error of a coordinate, Å: of single precision, or of XTC's 0.01 Å."""
    largest = float(np.abs(positions).max(initial=0.0))
    single = float(np.spacing(np.float32(largest))) / 2
    hundredths = positions.astype(float) * 100
    if (np.abs(hundredths - np.round(hundredths)) <= 1000 * single).all():
        return 0.005
    return single


def _largest(arrays):
    return np.max(arrays, axis=0)
