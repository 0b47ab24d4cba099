"""Markov state models of short trajectories, by deeptime."""

from dataclasses import dataclass, field

import numpy as np

from ._extras import optional

# Gibbs steps between samples of a posterior: more than deeptime's default, which for few states
# gives samples that depend on each other.
_LEAST_STEPS = 20
_SAMPLING = "deeptime.markov.tools.estimation.dense.tmat_sampling.tmatrix_sampler"


@dataclass(frozen=True)
class MarkovEstimate:
    """A reversible Markov state model with its uncertainty.

    Attributes
    ----------
    lag : int
        Frames.
    active : ndarray (n_active,), int
        States between which transitions in both directions were seen; of the others nothing is
        known.
    stationary : ndarray (n_states,)
        Of the most likely model; NaN of states that are not active.
    samples : ndarray (n_samples, n_states)
        Stationary distributions of the posterior.
    timescales : ndarray (n_active - 1,)
        Implied timescales, frames.
    timescale_samples : ndarray (n_samples, n_active - 1)
    n_transitions : float
        Transitions that do not overlap in time.
    posterior : deeptime.markov.msm.BayesianMSMPosterior
    """

    lag: int
    active: np.ndarray
    stationary: np.ndarray
    samples: np.ndarray
    timescales: np.ndarray
    timescale_samples: np.ndarray
    n_transitions: float
    posterior: object = field(repr=False)


def count_transitions(pieces, lag, n_states):
    """Transitions within pieces, and how many of them do not overlap in time.

    Parameters
    ----------
    pieces : list of ndarray of int
    lag : int
        Frames.
    n_states : int

    Returns
    -------
    counts : ndarray (n_states, n_states)
        From every frame to that `lag` frames later.
    independent : int
    """
    counts, independent = np.zeros((n_states, n_states)), 0
    long = [piece for piece in pieces if len(piece) > lag]
    if not long:
        return counts, 0
    first = np.concatenate([piece[:-lag] for piece in long])
    last = np.concatenate([piece[lag:] for piece in long])
    np.add.at(counts, (first, last), 1.0)
    independent = sum((len(piece) - 1) // lag for piece in long)
    return counts, independent


def estimate(pieces, lag, n_states, n_samples=100, seed=0):
    """Markov state model of discrete trajectories.

    Counts of overlapping transitions are scaled down to the number of those that do not overlap, so
    that the posterior is no narrower than the data allow.

    Parameters
    ----------
    pieces : list of ndarray of int
        States.
    lag : int
        Frames; no more than the longest piece has beyond its first.
    n_states, n_samples : int
    seed : int
        Of the samples.

    Returns
    -------
    MarkovEstimate
    """
    markov = optional("deeptime.markov", "A Markov state model")
    msm = optional("deeptime.markov.msm", "A Markov state model")
    counts, independent = count_transitions(pieces, lag, n_states)
    scaled = counts * independent / max(counts.sum(), 1)
    whole = markov.TransitionCountModel(scaled, counting_mode="effective", lagtime=lag)
    largest = whole.submodel_largest(connectivity_threshold=0, directed=True)
    active = np.asarray(largest.state_symbols)
    stationary = np.full(n_states, np.nan)
    if len(active) < 2:
        stationary[active] = 1.0
        samples, none = np.tile(stationary, (n_samples, 1)), np.zeros(0)
        return MarkovEstimate(
            lag, active, stationary, samples, none, np.zeros((n_samples, 0)), float(independent),
            None,
        )  # fmt: skip
    prior = msm.MaximumLikelihoodMSM(reversible=True).fit(largest).fetch_model()
    drawn = _posterior_samples(prior, n_samples, seed)
    posterior = msm.BayesianMSMPosterior(prior, drawn)
    stationary[active] = prior.stationary_distribution
    samples = np.full((n_samples, n_states), np.nan)
    samples[:, active] = [model.stationary_distribution for model in drawn]
    timescales = np.array([model.timescales() for model in drawn])
    return MarkovEstimate(
        lag, active, stationary, samples, prior.timescales(), timescales,
        float(independent), posterior,
    )  # fmt: skip


def _posterior_samples(prior, n_samples, seed):
    """Models of the posterior, as of deeptime's BayesianMSM, which cannot be given a seed."""
    msm = optional("deeptime.markov.msm", "A Markov state model")
    sampling = optional(_SAMPLING, "A Markov state model")
    sampler = sampling.TransitionMatrixSampler(
        prior.count_model.count_matrix, reversible=True, P0=prior.transition_matrix,
        n_steps=max(_LEAST_STEPS, int(np.sqrt(prior.n_states))), seed=seed,
    )  # fmt: skip
    drawn = (sampler.sample(return_statdist=True) for _ in range(n_samples))
    return [
        msm.MarkovStateModel(
            matrix, stationary_distribution=stationary, reversible=True,
            count_model=prior.count_model,
        )
        for matrix, stationary in drawn
    ]  # fmt: skip


def interval(samples, share=0.95):
    """Bounds that hold this share of samples, over the first axis: ``(2, ...)``."""
    tail = (1 - share) / 2
    return np.quantile(samples, [tail, 1 - tail], axis=0)


def chapman_kolmogorov(estimates, n_sets):
    """Whether a model predicts what longer lags show.

    Parameters
    ----------
    estimates : list of MarkovEstimate
        Of lags that are multiples of the first one's.
    n_sets : int
        Metastable sets that probabilities of staying are compared of.

    Returns
    -------
    list of dict
        Of each lag: "lag" (frames), and of each set the "predicted" probability to stay, its "low"
        and "high" (95 %), and the "estimated" one with "estimated_low", "estimated_high". Empty if
        there are fewer than two lags with the same states.
    """
    first = estimates[0]
    same = [each for each in estimates if np.array_equal(each.active, first.active)]
    if len(same) < 2 or first.posterior is None:
        return []
    sets = np.arange(len(first.active))
    if n_sets < len(sets):
        sets = first.posterior.prior.pcca(n_sets).assignments
    weights = first.posterior.prior.stationary_distribution
    rows = []
    for each in same:
        power = each.lag // first.lag
        predicted = _staying(first.posterior, sets, weights, power)
        found = _staying(each.posterior, sets, weights, 1)
        (low, high), (found_low, found_high) = interval(predicted[1]), interval(found[1])
        rows.append(
            {
                "lag": each.lag, "predicted": predicted[0], "low": low, "high": high,
                "estimated": found[0], "estimated_low": found_low, "estimated_high": found_high,
            }
        )  # fmt: skip
    return rows


def _staying(posterior, sets, weights, power):
    """Probability to be in the same set after so many lags, of the best model and of samples."""

    def of(model):
        matrix = np.linalg.matrix_power(model.transition_matrix, power)
        found = []
        for number in np.unique(sets):
            inside = sets == number
            share = weights[inside] / weights[inside].sum()
            found.append(share @ matrix[np.ix_(inside, inside)].sum(axis=1))
        return np.array(found)

    return of(posterior.prior), np.array([of(model) for model in posterior.samples])
