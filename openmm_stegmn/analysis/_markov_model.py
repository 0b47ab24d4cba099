"""A Markov state model of the legs, and what it makes of the whole trajectory."""

import numpy as np

from ._blocks import block_of_frames
from ._discretise import discretise
from ._extras import optional
from ._features import make_features
from ._frame_analysis import FrameAnalysis, WorkerResults, add_up, join
from ._frames import HybridFrames
from ._free_energy import angle_edges, free_energy_of, weighted_histograms
from ._lag_checks import check_lags
from ._legs import leg_ranges
from ._markov_estimate import estimate, interval
from ._slow_modes import LaggedSums, Projection, fit_slow_modes

_LONGEST_DEFAULT_LAG = 10.0  # ps
_MOST_DIMENSIONS = 10
# Features of all frames are kept up to so many bytes, or up to so many matrices of the size of
# their covariances, which slow modes take anyway; of more frames they are summed up in the first
# pass, and projected in a second.
_MOST_KEPT, _MOST_MATRICES = 128 * 2**20, 8


class LegMarkovModel(FrameAnalysis):
    """Stationary distribution and timescales from the physical legs alone.

    Legs are ordinary dynamics whatever started them. Transitions within legs are therefore those of
    the dynamics, and so is the stationary distribution of a Markov state model that is made of
    them, while the legs' own distribution is not. Features are projected on their slow modes
    (TICA), clustered (k-means), and the model is estimated with its posterior (Trendelkamp-Schroer
    et al., J. Chem. Phys. 143, 174101, 2015), all by deeptime. What is assumed: that within a state
    memory is lost in one lag; implied timescales that do not depend on the lag are the sign of it.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
    lag : float, optional
        ps. Default: half of the leg that the middle frame is in, at most 10 ps.
    features : str or callable
        "dihedrals", "distances", "contacts", or a function of the AtomGroup that gives an array
        ``(n_features,)``.
    n_states : int, optional
        Default: one for each 25 transitions that do not overlap in time, from 4 to 100.
    dimensions : int, optional
        Of TICA. Default: those of 95 % of the kinetic variance, at most 10. 0: cluster the features
        themselves.
    n_samples : int
        Of the posterior.
    frames : HybridFrames, optional
        Default: those of the trajectory.
    through_rejections, with_jump
        See `PhysicalLegs`.
    seed : int
        Of the clustering.

    Attributes
    ----------
    results.lag : float
        ps.
    results.n_legs : int
        Legs that are longer than the lag.
    results.states : ndarray (n_frames,), int
        Of every frame, jumped ones too.
    results.stationary_distribution : ndarray (n_states,)
        NaN for states of which it is not known: no leg came to them from the others, or none went.
    results.stationary_interval : ndarray (2, n_states)
        95 %.
    results.weights : ndarray (n_frames,)
        Of every frame, so that weighted averages over all frames are those of the stationary
        distribution; they add up to 1. Jumped frames count by their state. 0 where not known.
    results.leg_weights : ndarray (n_frames,)
        The same over physical frames only, which are right within their states too.
    results.unknown_share : float
        Share of frames in states of which the weight is not known.
    results.implied_timescales : dict
        "lags" (ps), "timescales", "low", "high" (ps, ``(n_lags, n_processes)``; 95 %).
    results.chapman_kolmogorov : list of dict
        See `chapman_kolmogorov`; "lag" in ps. Empty if legs are too short for two lags.
    results.estimate : MarkovEstimate
    results.times : ndarray (n_frames,)
        ps.

    Raises
    ------
    ValueError
        If no leg is longer than the lag; tells how long they have to be.
    ImportError
        If deeptime is not installed.
    """

    def __init__(
        self, atoms, lag=None, *, features="dihedrals", n_states=None, dimensions=None,
        n_samples=100, frames=None, through_rejections=False, with_jump=None, seed=0, **options,
    ):  # fmt: skip
        optional("deeptime.markov.msm", "LegMarkovModel")
        atoms = atoms.atoms
        super().__init__(atoms.universe.trajectory, **options)
        self._atoms, self._features = atoms, make_features(features, atoms)
        self._all_frames = HybridFrames.of(self._trajectory) if frames is None else frames
        if lag is not None and not lag > 0:
            raise ValueError(f"lag {lag}: expected a time in ps, more than 0.")
        self._lag, self._n_states, self._dimensions = lag, n_states, dimensions
        self._n_samples, self._seed = n_samples, seed
        self._through = through_rejections
        self._with_jump = self._all_frames.exact if with_jump is None else with_jump
        # before anything is read
        self._lag_in_frames(self._all_frames, self._ranges(self._all_frames))
        self._origin, self._projection = self._values(), None

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
        self._estimate_from(features)

    def _projected(self, modes):
        return Projection(modes, self._dimensions or _MOST_DIMENSIONS)

    @property
    def after(self):
        """A second pass, if features of all frames are too many to be kept."""
        return [] if self._projection is None else [self._projection]

    def _estimate_from(self, values):
        """The model, of what states are made in: ``(n_frames, n_dimensions)``."""
        results, ranges, lag = self.results, self._legs, self._n_lag
        results.times, self._blocks = self._seen.time, block_of_frames(self._seen)
        results.lag = lag * self._seen.interval
        results.n_legs = int((np.diff(ranges) > lag).sum())
        results.states = discretise(
            values, ranges, lag, ~self._seen.jumped, self._n_states, self._seed
        )  # fmt: skip
        n_states = int(results.states.max()) + 1
        pieces = [results.states[start:stop] for start, stop in ranges]
        results.estimate = estimate(pieces, lag, n_states, self._n_samples)
        self._weigh()
        longest = max(lag, _typical(np.diff(ranges)) - 1)
        times, rows = check_lags(pieces, results.estimate, longest, n_states)
        scale = self._seen.interval
        results.implied_timescales = {name: scale * value for name, value in times.items()}
        results.chapman_kolmogorov = [row | {"lag": scale * row["lag"]} for row in rows]

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
            lag = max(1, min((_typical(lengths) - 1) // 2, most))
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

    def _weigh(self):
        results, found = self.results, self.results.estimate
        results.stationary_distribution = found.stationary
        results.stationary_interval = interval(found.samples)
        results.weights = self._weights_of(np.ones(len(self._seen), dtype=bool))
        results.leg_weights = self._weights_of(~self._seen.jumped)
        results.unknown_share = float(np.isnan(found.stationary)[results.states].mean())

    def _weights_of(self, chosen):
        states, known = self.results.states, np.nan_to_num(self.results.estimate.stationary)
        count = np.bincount(states[chosen], minlength=len(known))
        weights = np.divide(known, count, out=np.zeros(len(known)), where=count > 0)
        weights = np.where(chosen, weights[states], 0.0)
        return weights / max(weights.sum(), 1e-300)

    def free_energy(self, values, edges=None):
        """Free energy with confidence intervals over anything that was measured of every frame.

        Parameters
        ----------
        values : ndarray (n_frames,) or (n_frames, n_variables)
            Jumped frames are not looked at, since a jump may be wrong within a state.
        edges : list of ndarray, optional
            Of the bins of each variable. Default: bins of 15° from -π to π.

        Returns
        -------
        FreeEnergy
        """
        values = self._of_all_frames(values).reshape(len(self._seen), -1)
        edges = [angle_edges()] * values.shape[1] if edges is None else edges
        physical = ~self._seen.jumped
        return free_energy_of(
            values[physical], edges, self._blocks[physical], self.results.unknown_share,
            **self._shares(physical),
        )  # fmt: skip

    def average(self, values):
        """Average of anything that was measured of every frame, with its interval.

        Parameters
        ----------
        values : ndarray (n_frames,)
            Such as 1 inside of a basin and 0 outside.

        Returns
        -------
        mean : float
        low, high : float
            95 %.
        """
        values = self._of_all_frames(values).astype(float)
        physical = ~self._seen.jumped
        # an average is a population of bins, each distinct value one, times the values
        distinct, bins = np.unique(values[physical], return_inverse=True)
        population, draws = weighted_histograms(
            bins, len(distinct), self._blocks[physical], **self._shares(physical)
        )
        low, high = interval(draws @ distinct)
        return float(population @ distinct), float(low), float(high)

    def passage_time(self, source, target):
        """Mean first passage time between two sets of states.

        Parameters
        ----------
        source, target : ndarray (n_frames,), bool
            Frames inside; a state belongs to the set that more than half of its frames are in.

        Returns
        -------
        mean, low, high : float
            ps; NaN if a set has no state of the model. Infinite where the posterior has models that
            never come to the target, as of short runs.
        """
        active, posterior = self.results.estimate.active, self.results.estimate.posterior
        states = self.results.states
        n_states = len(self.results.stationary_distribution)
        count = np.maximum(np.bincount(states, minlength=n_states), 1)
        sets = []
        for inside in (source, target):
            share = np.bincount(states, self._of_all_frames(inside), n_states) / count
            sets.append(np.flatnonzero(share[active] > 0.5))
        if posterior is None or not all(len(each) for each in sets):
            return (float("nan"),) * 3
        # deeptime tells times in steps of the data
        scale = self._seen.interval
        rates = [_passage_rate(model, *sets) for model in (posterior.prior, *posterior.samples)]
        # of rates, since times may be infinite
        slow, fast = interval(np.array(rates[1:]))
        with np.errstate(divide="ignore"):
            best, low, high = scale / np.array([rates[0], fast, slow])
        return float(best), float(low), float(high)

    def _shares(self, chosen):
        found = self.results.estimate
        return {
            "states": self.results.states[chosen], "stationary": found.stationary,
            "samples": found.samples,
        }  # fmt: skip

    def _of_all_frames(self, values):
        values = np.asarray(values)
        if len(values) != len(self._seen):
            raise ValueError(
                f"There are {len(values)} values: expected one for each of the {len(self._seen)} "
                "frames that the model was made of."
            )
        return values


class ProjectedFrames(FrameAnalysis):
    """Features of each frame in slow modes, for a model that is then made of them.

    Parameters
    ----------
    model : LegMarkovModel
    projection : Projection
    """

    def __init__(self, model, projection):
        super().__init__(model._trajectory)
        self._model, self._project = model, projection

    def _prepare(self):
        shape = (self.n_frames, self._project.dimensions)
        self.results.projected = np.empty(shape, dtype=np.float32)

    def _single_frame(self):
        self.results.projected[self._frame_index] = self._project(self._model._values()[None])[0]

    def _get_aggregator(self):
        return WorkerResults(lookup={"projected": join})

    def _conclude(self):
        self._model._estimate_from(self.results.pop("projected"))


def _passage_rate(model, source, target):
    """One over the mean first passage time, in steps; 0 if it is infinite to rounding."""
    try:
        return max(1 / model.mfpt(source, target), 0.0)
    except np.linalg.LinAlgError:
        return 0.0


def _typical(lengths):
    """Length of the leg that the middle frame is in."""
    lengths = np.sort(np.ravel(lengths))
    if not len(lengths):
        return 0
    return int(lengths[np.searchsorted(np.cumsum(lengths), lengths.sum() / 2)])
