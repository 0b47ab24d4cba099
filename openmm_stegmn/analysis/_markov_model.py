"""A Markov state model of the legs, and what it makes of the whole trajectory."""

import numpy as np

from ._blocks import block_of_frames
from ._discretise import discretise
from ._extras import optional
from ._free_energy import angle_edges, free_energy_of, weighted_histograms
from ._lag_checks import check_lags
from ._leg_features import LegFeatures, typical_length
from ._markov_estimate import estimate, interval


class LegMarkovModel(LegFeatures):
    """Stationary distribution and timescales from the physical legs alone.

    Legs are ordinary dynamics whatever started them. Transitions within legs are therefore those of
    the dynamics, and so is the stationary distribution of a Markov state model that is made of
    them, while the legs' own distribution is not. Features are projected on their slow modes
    (TICA), clustered (k-means), and the model is estimated with its posterior (Trendelkamp-Schroer
    et al., J. Chem. Phys. 143, 174101, 2015), all by deeptime. What is assumed: that within a state
    memory is lost in one lag; implied timescales that do not depend on the lag are the sign of it.
    Where features of all frames would take much memory, frames are read twice: see `LegFeatures`.

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
        Of the clustering, and of the samples of the posterior.

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
        super().__init__(
            atoms, lag, features=features, dimensions=dimensions, frames=frames,
            through_rejections=through_rejections, with_jump=with_jump, **options,
        )  # fmt: skip
        self._n_states, self._n_samples, self._seed = n_states, n_samples, seed

    def _conclude_from(self, values):
        results, ranges, lag = self.results, self._legs, self._n_lag
        results.times, self._blocks = self._seen.time, block_of_frames(self._seen)
        results.lag = lag * self._seen.interval
        results.n_legs = int((np.diff(ranges) > lag).sum())
        results.states = discretise(
            values, ranges, lag, ~self._seen.jumped, self._n_states, self._seed
        )  # fmt: skip
        n_states = int(results.states.max()) + 1
        pieces = [results.states[start:stop] for start, stop in ranges]
        results.estimate = estimate(pieces, lag, n_states, self._n_samples, self._seed)
        self._weigh()
        longest = max(lag, typical_length(np.diff(ranges)) - 1)
        times, rows = check_lags(pieces, results.estimate, longest, n_states, self._seed)
        scale = self._seen.interval
        results.implied_timescales = {name: scale * value for name, value in times.items()}
        results.chapman_kolmogorov = [row | {"lag": scale * row["lag"]} for row in rows]

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


def _passage_rate(model, source, target):
    """One over the mean first passage time, in steps; 0 if it is infinite to rounding."""
    try:
        return max(1 / model.mfpt(source, target), 0.0)
    except np.linalg.LinAlgError:
        return 0.0
