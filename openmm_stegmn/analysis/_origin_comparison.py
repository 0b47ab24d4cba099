"""Frames that jumps made beside those of physics, and both beside plain molecular dynamics."""

import numpy as np

from ._blocks import BLOCKS, block_of_frames, blocks_like
from ._collective import Fluctuations, RadialDistribution, SecondaryStructure
from ._frame_analysis import FrameAnalysis, WorkerResults, add_up
from ._frames import HybridFrames
from ._noise import LEAST_BLOCKS, OUTSIDE, UNKNOWN, WITHIN, Tally, compare_apart, compare_within
from ._observables import Angles, Bonds, Dihedrals, GyrationRadius, Ramachandran

#: What `OriginComparison` can compare, by name.
OBSERVABLES = {
    each.name: each
    for each in (
        Ramachandran, Dihedrals, Bonds, Angles, GyrationRadius, Fluctuations, RadialDistribution,
        SecondaryStructure,
    )
}  # fmt: skip
PHYSICAL, JUMPED, ALL, REFERENCE = "physical frames", "jumped frames", "all frames", "reference MD"


class FrameTallies(FrameAnalysis):
    """Sums of observables over the frames of each block, physical and jumped frames apart.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
    observables : list of Observable
    blocks : ndarray (n_frames,), int
        Of each frame; -1 leaves it out.
    jumped : ndarray (n_frames,), bool

    Attributes
    ----------
    results.sums : ndarray (n_blocks, 2, n)
        Of all observables, one after the other; second axis: physical, jumped.
    results.frames : ndarray (n_blocks, 2)
    """

    def __init__(self, atoms, observables, blocks, jumped, **options):
        super().__init__(atoms.universe.trajectory, **options)
        self._atoms, self._observables = atoms, observables
        self._blocks, self._kind = blocks, jumped.astype(int)

    def _prepare(self):
        n_blocks = int(self._blocks.max(initial=-1)) + 1
        size = sum(each.size for each in self._observables)
        self.results.sums = np.zeros((n_blocks, 2, size))
        self.results.frames = np.zeros((n_blocks, 2))

    def _single_frame(self):
        block, kind = self._blocks[self._ts.frame], self._kind[self._ts.frame]
        if block < 0:
            return
        positions, box = self._atoms.positions, self._ts.dimensions
        tallies = [each.tally(positions, box) for each in self._observables]
        self.results.sums[block, kind] += np.concatenate(tallies)
        self.results.frames[block, kind] += 1

    def _get_aggregator(self):
        return WorkerResults(lookup={"sums": add_up, "frames": add_up})


class OriginComparison(FrameTallies):
    """Compare jumped with physical frames, and either with plain molecular dynamics.

    Each observable is compared by a distance, with its error and with its noise floor: the distance
    that the same frames have if their origin is given to them at random, block by block. A plain
    trajectory, without jumps, can be compared with a reference only.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
        Such as the solute. Whole molecules, not cut by the periodic box, for radius of gyration and
        RMSF.
    reference : MDAnalysis.AtomGroup, optional
        The same atoms in a trajectory of plain molecular dynamics. Of a hybrid one its physical
        frames are taken.
    frames, reference_frames : HybridFrames, optional
        Default: those of the trajectories.
    observables : sequence of str, optional
        Names of `OBSERVABLES`. Default: all that the atoms have.
    n_blocks : int
        Blocks that noise is estimated from; as many as there are legs, if those are fewer.

    Attributes
    ----------
    results.comparisons : list of Comparison
        Distances in the units that each names.
    results.verdicts : list of str
        Of each, "within noise", "outside noise" or "not known"; all together call noise a
        difference once in twenty times, if there is none (Holm's correction).

    Raises
    ------
    ValueError
        If the atoms of the reference are others, or an observable is unknown.
    """

    def __init__(
        self, atoms, reference=None, *, frames=None, reference_frames=None, observables=None,
        n_blocks=BLOCKS, **options,
    ):  # fmt: skip
        atoms = atoms.atoms
        frames = HybridFrames.of(atoms.universe.trajectory) if frames is None else frames
        chosen = make_observables(atoms, observables)
        blocks = block_of_frames(frames, n_blocks)
        super().__init__(atoms, chosen, blocks, frames.jumped, **options)
        self.hybrid_frames = frames
        if reference is not None:
            reference = reference.atoms
            _check_same_atoms(atoms, reference)
            own = reference_frames
            own = HybridFrames.of(reference.universe.trajectory) if own is None else own
            self._set_reference(reference, own, n_blocks)

    def _set_reference(self, reference, frames, n_blocks):
        # Blocks of both that take the same time have noise of the same size.
        physical = ~self.hybrid_frames.jumped
        longest = min(
            physical.sum() * self.hybrid_frames.interval / n_blocks,
            (~frames.jumped).sum() * frames.interval / LEAST_BLOCKS,
        )
        blocks = np.where(frames.jumped, -1, blocks_like(frames, longest))
        # Observables refer to frames of the hybrid trajectory, as the superposition does.
        observables = [_on_atoms(each, reference) for each in self._observables]
        self._reference = FrameTallies(reference, observables, blocks, frames.jumped)

    def _conclude(self):
        sums, frames = self.results.sums, self.results.frames
        self.results.comparisons, first = [], 0
        for each in self._observables:
            part = slice(first, first + each.size)
            physical, jumped = (Tally(sums[:, k, part], frames[:, k]) for k in (0, 1))
            self.results.comparisons += self._compare(each, physical, jumped, part)
            first += each.size
        self.results.verdicts = verdicts(self.results.comparisons)

    def _compare(self, observable, physical, jumped, part):
        about, found = (observable.name, observable.members, observable.distance), []
        if jumped.frames.any():
            found.append(compare_within(*about, jumped, physical, (JUMPED, PHYSICAL)))
        if self._reference is not None:
            results = self._reference.results
            reference = Tally(results.sums[:, 0, part], results.frames[:, 0])
            if jumped.frames.any():
                names = (ALL, REFERENCE)
                found.append(compare_apart(*about, physical + jumped, reference, names))
            found.append(compare_apart(*about, physical, reference, (PHYSICAL, REFERENCE)))
        return found


def make_observables(atoms, names=None):
    """Those observables that a group of atoms has; of names that are asked for, all.

    Raises
    ------
    ValueError
        If a name is unknown, or the atoms lack what it needs.
    """
    unknown = [name for name in names or () if name not in OBSERVABLES]
    if unknown:
        raise ValueError(
            f"observables {', '.join(unknown)}: unknown, expected of {', '.join(OBSERVABLES)}."
        )
    found = {name: OBSERVABLES[name].of(atoms) for name in names or OBSERVABLES}
    lost = [name for name, each in found.items() if each is None]
    if lost and names is not None:
        raise ValueError(f"The {len(atoms)} atoms have no {', no '.join(lost)}.")
    found = [each for each in found.values() if each is not None]
    if not found:
        raise ValueError(f"The {len(atoms)} atoms have nothing that could be compared.")
    return found


def verdicts(comparisons, level=0.05):
    """Verdict of each, so that one of all is wrong in a share ``level`` of cases at most (Holm)."""
    order = sorted(range(len(comparisons)), key=lambda n: comparisons[n].p_value)
    found, passed = [UNKNOWN] * len(comparisons), False
    for rank, number in enumerate(order):
        verdict = comparisons[number].verdict(level / (len(order) - rank))
        passed |= verdict == WITHIN
        # after the first that noise explains, none is a difference
        found[number] = WITHIN if passed and verdict == OUTSIDE else verdict
    return found


def _on_atoms(observable, atoms):
    """The observable for the same atoms of another universe."""
    if isinstance(observable, RadialDistribution):
        return RadialDistribution.of(atoms)
    return observable


def _check_same_atoms(atoms, reference):
    if len(atoms) != len(reference):
        raise ValueError(
            f"The reference has {len(reference)} atoms, the trajectory {len(atoms)}: choose the "
            "same of both."
        )
    differing = np.flatnonzero(atoms.names != reference.names)
    if len(differing):
        first = differing[0]
        raise ValueError(
            f"Atom {first} is {reference.names[first]!r} in the reference and "
            f"{atoms.names[first]!r} in the trajectory: choose the same atoms of both, in the same "
            "order."
        )
