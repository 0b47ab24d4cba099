"""The pieces of a hybrid trajectory that are unbiased dynamics."""

from dataclasses import dataclass

import numpy as np

from ..simulation import Origin
from ._frames import HybridFrames


@dataclass(frozen=True)
class Leg:
    """One piece of physical dynamics.

    Attributes
    ----------
    atoms : MDAnalysis.AtomGroup
        Has the positions of the frame that the trajectory is at.
    start, stop : int
        Frames of the trajectory, ``stop`` not included.
    replica : int
    interval : float
        Between frames, ps.
    """

    atoms: object
    start: int
    stop: int
    replica: int
    interval: float

    def __len__(self):
        return self.stop - self.start

    @property
    def frames(self) -> range:
        """Indices of its frames in the whole trajectory."""
        return range(self.start, self.stop)

    @property
    def trajectory(self):
        """Its frames, to iterate over as over any trajectory of MDAnalysis."""
        return self.atoms.universe.trajectory[self.start : self.stop]

    def __iter__(self):
        return iter(self.trajectory)


class PhysicalLegs:
    """The legs of a hybrid trajectory: short trajectories of ordinary dynamics.

    Each begins where a jump left the molecule and ends where the next jump was tried, so how often
    a leg goes from one state to another says what the dynamics does, whatever started the leg. A
    plain trajectory is one leg. Frames at irregular times, and another replica, begin a new leg.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup or Universe
    frames : HybridFrames, optional
        Default: those of the trajectory.
    through_rejections : bool
        Let legs go on where a jump was rejected. The dynamics goes on there, bit for bit. But only
        states whose jump was rejected are seen going on, and acceptance depends on the state: pairs
        of frames on both sides of such a place are chosen ones, and a Markov model of them may be
        biased. Default: a leg ends wherever a jump was tried, and the next one begins with the same
        frame.
    with_jump : bool, optional
        Let legs begin with the frame that the jump made. Default: only if jumps are exact, which
        makes that frame as good as any.
    shortest : int
        Legs of fewer frames are left out.

    Attributes
    ----------
    interval : float
        Between frames, ps.
    """

    def __init__(
        self, atoms, frames=None, *, through_rejections=False, with_jump=None, shortest=1
    ):  # fmt: skip
        self.atoms = atoms.atoms
        frames = HybridFrames.of(self.atoms.universe.trajectory) if frames is None else frames
        n_frames = self.atoms.universe.trajectory.n_frames
        if len(frames) != n_frames:
            raise ValueError(f"frames= tells of {len(frames)} frames, there are {n_frames}.")
        self.frames = frames
        self.interval = frames.interval
        with_jump = frames.exact if with_jump is None else with_jump
        self._starts, self._stops = leg_ranges(frames, through_rejections, with_jump, shortest)

    def __len__(self):
        return len(self._starts)

    def __getitem__(self, index) -> Leg:
        start, stop = int(self._starts[index]), int(self._stops[index])
        return Leg(self.atoms, start, stop, int(self.frames.replica[start]), self.interval)

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    @property
    def ranges(self):
        """First frame and the one after the last, of each leg: ``(n_legs, 2)``."""
        return np.stack([self._starts, self._stops], axis=1)

    @property
    def lengths(self):
        """Frames of each leg, ``(n_legs,)``."""
        return self._stops - self._starts

    @property
    def longest(self):
        """Frames of the longest leg, 0 without any."""
        return int(self.lengths.max(initial=0))

    def pieces(self, values):
        """What was measured of every frame, cut into legs.

        Parameters
        ----------
        values : ndarray (n_frames, ...)

        Returns
        -------
        list of ndarray
            Views, one a leg.
        """
        return [values[start:stop] for start, stop in self.ranges]


def leg_ranges(frames, through_rejections, with_jump, shortest=1):
    """First frame of each leg, and the one after its last.

    Parameters
    ----------
    frames : HybridFrames
    through_rejections, with_jump, shortest
        See `PhysicalLegs`.

    Returns
    -------
    starts, stops : ndarray (n_legs,), int
        A frame at which a jump was rejected ends one leg and begins the next.
    """
    jumped, regular = frames.jumped, frames.regular
    tried = (frames.origin == Origin.AFTER_REJECTION) & regular
    cut = jumped | ~regular
    if not through_rejections:
        cut = cut | tried
    places = np.flatnonzero(cut)
    stops = np.append(places[1:], len(frames)) if len(places) else places
    starts = places.copy()
    # The frame at which a jump was rejected is the state that physics went on from.
    again = tried[places] & ~jumped[places]
    if not with_jump:
        starts[jumped[places]] += 1
        again &= ~jumped[np.maximum(places - 1, 0)]
    # A physical frame follows a jump regularly, and is then in the leg that the jump began.
    starts[again] -= 1
    keep = stops - starts >= max(shortest, 1)
    return starts[keep], stops[keep]
