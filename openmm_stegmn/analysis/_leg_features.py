"""Features of every frame in the slow modes of the legs, in memory that hardly grows."""

import numpy as np

from ._features import make_features
from ._frame_analysis import FrameAnalysis, WorkerResults, add_up, join
from ._frames import HybridFrames
from ._legs import leg_ranges
from ._slow_modes import LaggedSums, Projection, fit_slow_modes

_LONGEST_DEFAULT_LAG = 10.0  # ps
_MOST_DIMENSIONS = 10
# What is kept of all frames, in bytes, or in matrices of the size of a covariance of the features,
# of which TICA takes about as many.
_MOST_KEPT, _MOST_MATRICES = 128 * 2**20, 8


class LegFeatures(FrameAnalysis):
    """Features of every frame, projected on the slow modes (TICA) of the legs.

    Slow modes are known only after all frames. Features are kept until then if they take no more
    than 128 MiB, or than eight of their covariance matrices. Of more frames the first pass sums up
    the covariances, and a second one, in `after`, projects each frame and keeps its few values.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
    lag : float, optional
        ps.
    features, dimensions, frames, through_rejections, with_jump
        See `LegMarkovModel`. With ``dimensions=0`` features are kept as they are.
    """

    def __init__(
        self, atoms, lag=None, *, features, dimensions, frames, through_rejections, with_jump,
        **options,
    ):  # fmt: skip
        atoms = atoms.atoms
        super().__init__(atoms.universe.trajectory, **options)
        self._atoms, self._features = atoms, make_features(features, atoms)
        self._all_frames = HybridFrames.of(self._trajectory) if frames is None else frames
        if lag is not None and not lag > 0:
            raise ValueError(f"lag {lag}: expected a time in ps, more than 0.")
        self._lag, self._dimensions, self._through = lag, dimensions, through_rejections
        self._with_jump = self._all_frames.exact if with_jump is None else with_jump
        # before anything is read
        self._lag_in_frames(self._all_frames, self._ranges(self._all_frames))
        self._origin, self._projection = self._values(), None

    def _conclude_from(self, values):
        """What subclasses make of it, ``(n_frames, n_dimensions)``."""
        raise NotImplementedError

    def _values(self):
        return np.asarray(self._features(self._atoms), dtype=np.float32).ravel()

    def _ranges(self, frames):
        return np.stack(leg_ranges(frames, self._through, self._with_jump), axis=1)

    def _prepare(self):
        self._plan()
        if self._keeps:
            shape = (self.n_frames, len(self._origin))
            self.results.features = np.empty(shape, dtype=np.float32)
        else:
            self.results.sums, self._waiting = LaggedSums(self._origin), {}

    def _plan(self):
        """What depends on the frames of the run; the same in every process."""
        if self.step != 1:
            raise ValueError("A Markov model needs every frame: run without step and frames.")
        self._seen = self._all_frames[self.start : self.stop]
        self._legs = self._ranges(self._seen)
        self._n_lag = self._lag_in_frames(self._seen, self._legs)
        # one end of each pair of frames that slow modes are made of
        self._ends = np.zeros(len(self._seen), dtype=bool)
        for start, stop in self._legs:
            self._ends[start + self._n_lag : stop] = True
        most = max(_MOST_KEPT, _MOST_MATRICES * 8 * len(self._origin) ** 2)
        size = self._origin.nbytes * len(self._seen)
        self._keeps = self._dimensions == 0 or size <= most

    def _single_frame(self):
        values = self._values()
        if self._keeps:
            self.results.features[self._frame_index] = values
            return
        place = self._ts.frame - self.start
        if self._frame_index == 0:
            self._read_before(place)
        if self._ends[place]:
            self.results.sums.add(self._waiting.pop(place - self._n_lag)[None], values[None])
        if self._ends[place + self._n_lag : place + self._n_lag + 1].any():
            self._waiting[place] = values
        if self._frame_index == self.n_frames - 1:
            self.results.sums.close()
            self._waiting = {}

    def _read_before(self, place):
        """Frames of another process that have pairs in this one."""
        for number in range(max(place - self._n_lag, 0), place):
            if self._ends[number + self._n_lag]:
                self._trajectory[self.start + number]
                self._waiting[number] = self._values()
        self._trajectory[self.start + place]

    def _get_aggregator(self):
        return WorkerResults(lookup={"features": join, "sums": add_up})

    def _conclude(self):
        self._plan()
        if not self._keeps:
            modes = self.results.pop("sums").modes(self._n_lag, self._dimensions)
            self._projection = ProjectedFrames(self, self._projected(modes))
            return
        features, self._projection = self.results.pop("features"), None
        if self._dimensions != 0:
            pieces = (features[start:stop] for start, stop in self._legs)
            modes = fit_slow_modes(pieces, self._n_lag, self._dimensions)
            features = self._projected(modes)(features)
        self._conclude_from(features)

    def _projected(self, modes):
        return Projection(modes, self._dimensions or _MOST_DIMENSIONS)

    @property
    def after(self):
        """A second pass, if features of all frames are too many to be kept."""
        return [] if self._projection is None else [self._projection]

    def _lag_in_frames(self, frames, ranges):
        step, lengths = frames.interval, np.diff(ranges).ravel()
        longest = int(lengths.max(initial=0))
        if longest == 0 or not step > 0:
            raise ValueError(
                "There is no leg: no physical frames a time apart. Run with md_frames of 2 or more."
            )
        if self._lag is None:
            most = max(1, int(_LONGEST_DEFAULT_LAG / step + 1e-6))
            # two transitions in a leg
            lag = max(1, min((typical_length(lengths) - 1) // 2, most))
        else:
            lag = max(1, round(self._lag / step))
        if longest <= lag:
            shorter = f", or choose a lag of at most {(longest - 1) * step:g} ps"
            raise ValueError(
                f"The longest leg has {longest} frames ({(longest - 1) * step:g} ps), and a lag of "
                f"{lag * step:g} ps needs legs of at least {lag + 1} frames {step:g} ps apart: run "
                f"with md_frames={lag + 1} or more{shorter if longest > 1 else ''}."
            )
        return lag


class ProjectedFrames(FrameAnalysis):
    """The second pass of `LegFeatures`, which has its values and concludes from them.

    Parameters
    ----------
    analysis : LegFeatures
    projection : Projection
    """

    def __init__(self, analysis, projection):
        super().__init__(analysis._trajectory)
        self._analysis, self._project = analysis, projection

    def _prepare(self):
        shape = (self.n_frames, self._project.dimensions)
        self.results.projected = np.empty(shape, dtype=np.float32)

    def _single_frame(self):
        self.results.projected[self._frame_index] = self._project(self._analysis._values()[None])[0]

    def _get_aggregator(self):
        return WorkerResults(lookup={"projected": join})

    def _conclude(self):
        self._analysis._conclude_from(self.results.pop("projected"))


def typical_length(lengths):
    """Length of the leg that the middle frame is in."""
    lengths = np.sort(np.ravel(lengths))
    if not len(lengths):
        return 0
    return int(lengths[np.searchsorted(np.cumsum(lengths), lengths.sum() / 2)])
