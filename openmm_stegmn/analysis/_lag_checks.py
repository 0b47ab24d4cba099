"""Whether a Markov model holds: implied timescales over lags, and the Chapman–Kolmogorov test."""

import numpy as np

from ._markov_estimate import chapman_kolmogorov, estimate, interval

_SAMPLES = 25
_MOST_SETS, _MOST_MULTIPLES, _LAGS = 4, 4, 6


def check_lags(pieces, first, longest, n_states, seed=0):
    """Models of several lags.

    Parameters
    ----------
    pieces : list of ndarray of int
    first : MarkovEstimate
        The model that is looked at.
    longest : int
        Longest lag, frames.
    n_states : int
    seed : int
        Of the samples of each model.

    Returns
    -------
    timescales : dict
        "lags" (n_lags,), "timescales", "low" and "high" (n_lags, n_processes), frames; 95 %.
    predictions : list of dict
        Of `chapman_kolmogorov`.
    """
    lag, models = first.lag, {first.lag: first}

    def model(own):
        if own not in models:
            models[own] = estimate(pieces, own, n_states, _SAMPLES, seed)
        return models[own]

    wanted = np.geomspace(1, min(longest, _MOST_MULTIPLES * lag), _LAGS).round().astype(int)
    # lags at which states fall apart have other processes
    whole = len(first.timescales)
    found = [
        model(own) for own in np.union1d(wanted, [lag]).tolist()
        if len(model(own).timescales) >= whole
    ]  # fmt: skip
    n_processes = min(_MOST_SETS - 1, whole)
    bounds = [interval(each.timescale_samples[:, :n_processes]) for each in found]
    low, high = np.array(bounds).swapaxes(0, 1).reshape(2, len(found), n_processes)
    timescales = {
        "lags": np.array([each.lag for each in found]),
        "timescales": np.array([each.timescales[:n_processes] for each in found]),
        "low": low, "high": high,
    }  # fmt: skip
    multiples = [k * lag for k in range(1, _MOST_MULTIPLES + 1) if k * lag <= longest]
    slow = int((first.timescales > lag).sum())
    n_sets = int(np.clip(slow + 1, 2, _MOST_SETS))
    return timescales, chapman_kolmogorov([model(own) for own in multiples], n_sets)
