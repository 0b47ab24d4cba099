"""Free energies and populations with confidence intervals."""

import math
from dataclasses import dataclass

import numpy as np

#: Bins that free energies are compared in hold at least that share of the reference.
LEAST_SHARE = 1e-3
_ANGLE_BINS = 24
_DRAWS = 200


@dataclass(frozen=True)
class FreeEnergy:
    """Free energy over the bins of a histogram.

    Attributes
    ----------
    edges : list of ndarray
        Of the bins, one for each variable.
    population : ndarray (bins, ...)
        Share of each bin.
    energy : ndarray (bins, ...)
        kT, 0 at its minimum; infinite where nothing was seen.
    low, high : ndarray (bins, ...)
        95 % confidence interval of the energy, about the same minimum.
    unknown : float
        Share of frames in states whose weight is not known.
    """

    edges: list
    population: np.ndarray
    energy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unknown: float = 0.0


def weighted_histograms(bins, n_bins, blocks, states=None, stationary=None, samples=None, seed=0):
    """Populations of bins, and draws of them that show their uncertainty.

    Frames are weighted so that each state has its stationary share. Uncertainty of the shares comes
    from the posterior, that of what is inside of a state from drawing blocks with replacement.

    Parameters
    ----------
    bins : ndarray (n_frames,), int
        Of each frame; -1 for none, counted in the whole.
    n_bins : int
    blocks : ndarray (n_frames,), int
        See `block_of_frames`.
    states : ndarray (n_frames,), int, optional
        Of each frame. Default: all frames count alike.
    stationary : ndarray (n_states,), optional
        Shares; NaN for states that are not known and are left out.
    samples : ndarray (n_samples, n_states), optional

    Returns
    -------
    population : ndarray (n_bins,)
    draws : ndarray (n_draws, n_bins)
    """
    if states is None:
        states, stationary = np.zeros(len(bins), dtype=int), np.ones(1)
        samples = np.ones((_DRAWS, 1))
    _, blocks = np.unique(blocks, return_inverse=True)
    n_blocks, n_states = int(blocks.max(initial=0)) + 1, len(stationary)
    width = n_bins + 1  # the last for frames in none
    place = (blocks * n_states + states) * width + np.where(bins < 0, n_bins, bins)
    places, numbers = np.unique(place, return_counts=True)
    of_block, cells = np.divmod(places, n_states * width)

    def shares(times, weights):
        counts = np.bincount(cells, numbers * times[of_block], n_states * width)
        counts = counts.reshape(n_states, width)
        total = counts.sum(axis=1)
        weights = np.where((total > 0) & np.isfinite(weights), weights, 0.0)
        scale = np.divide(weights, total, out=np.zeros(n_states), where=total > 0)
        found = scale @ counts
        return found[:n_bins] / max(found.sum(), 1e-300)

    rng = np.random.default_rng(seed)
    times = rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), len(samples))
    draws = [shares(*pair) for pair in zip(times, samples, strict=True)]
    return shares(np.ones(n_blocks), stationary), np.array(draws)


def free_energy_of(values, edges, blocks, unknown=0.0, **weights) -> FreeEnergy:
    """Free energy over one or more variables.

    Parameters
    ----------
    values : ndarray (n_frames,) or (n_frames, n_variables)
    edges : list of ndarray
        Of the bins of each variable, evenly spaced.
    blocks : ndarray (n_frames,), int
    unknown : float
        Share of frames to be told of.
    **weights
        "states", "stationary" and "samples" of `weighted_histograms`.
    """
    shape = tuple(len(each) - 1 for each in edges)
    bins = bins_of(values, edges)
    population, draws = weighted_histograms(bins, math.prod(shape), blocks, **weights)
    with np.errstate(divide="ignore"):
        energy = -np.log(population)
        draws = -np.log(draws)
    # Each draw about its own mean over the bins of the whole: the zero is no one's error.
    zero = energy[np.isfinite(energy)].min(initial=np.inf)
    populated = population >= LEAST_SHARE
    with np.errstate(invalid="ignore"):
        away = np.where(np.isfinite(draws[:, populated]), draws[:, populated], np.nan)
        shift = np.nan_to_num(np.nanmedian(away - energy[populated], axis=1)) if away.size else 0
        low, high = np.quantile(draws - np.reshape(shift, (-1, 1)), [0.025, 0.975], axis=0,
                                method="nearest")  # fmt: skip
    low, high = np.minimum(low, energy), np.maximum(high, energy)
    values = [(each - zero).reshape(shape) for each in (energy, low, high)]
    return FreeEnergy(list(edges), population.reshape(shape), *values, unknown=float(unknown))


def bins_of(values, edges):
    """Number of the bin of each frame, over all variables; -1 outside."""
    values = np.asarray(values, float).reshape(-1, len(edges))
    number, inside = np.zeros(len(values), dtype=int), np.ones(len(values), dtype=bool)
    for column, own in zip(values.T, edges, strict=True):
        # histogram's convention: the last bin has both its edges
        place = np.searchsorted(own, column, side="right") - 1
        place = np.where(column == own[-1], len(own) - 2, place)
        inside &= (place >= 0) & (place < len(own) - 1)
        number = number * (len(own) - 1) + np.clip(place, 0, len(own) - 2)
    return np.where(inside, number, -1)


def angle_edges(n_bins=_ANGLE_BINS):
    """Edges of bins from -π to π, rad."""
    return np.linspace(-np.pi, np.pi, n_bins + 1)


def angle_histogram(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Histogram over two angles, rad, ``(bins, bins)``."""
    edges = angle_edges()
    return np.histogram2d(first, second, bins=(edges, edges))[0]


def free_energy_error(counts: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Root mean square difference of two free energies, kT, and the share of bins left out.

    Parameters
    ----------
    counts, reference : ndarray
        Histograms over the same bins. Bins with less than 0.1 % of the reference do not count;
        those that the run never visited have no free energy and are told as a share.
    """
    p, q = counts / counts.sum(), reference / reference.sum()
    populated = q >= LEAST_SHARE
    found = populated & (p > 0)
    if not found.any():
        return math.nan, 1.0
    difference = np.log(p[found] / q[found])
    # Free energies have no zero: the mean difference is none.
    difference = difference - difference.mean()
    return float(np.sqrt((difference**2).mean())), float(1 - found.sum() / populated.sum())
