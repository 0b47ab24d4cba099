"""Slow modes, and how many independent samples a series has."""

import math

import numpy as np

from ._extras import optional

# Frames that are summed up, or projected, at a time: they are in double precision meanwhile.
_PORTION = 512


class LaggedSums:
    """Sums over pairs of frames a lag apart, which is all that slow modes are made of.

    Their size does not depend on the number of pairs: two matrices of features by features.

    Parameters
    ----------
    origin : ndarray, ``(n_features,)``
        Of any frame; products are of differences from it, so that large values with small
        fluctuations lose no digits. Sums with the same origin can be added.
    """

    def __init__(self, origin):
        self._origin = np.asarray(origin, dtype=np.float64)
        n_features = len(self._origin)
        self._n_pairs, self._sum = 0, np.zeros(n_features)
        self._products, self._lagged = np.zeros((2, n_features, n_features))
        self._portion, self._size = [], 0

    def add(self, first, last):
        """Frames ``(n_pairs, n_features)`` and those a lag later."""
        self._portion.append((first, last))
        self._size += len(first)
        if self._size >= _PORTION:
            self.close()

    def close(self):
        """Add those that wait to be added with others; has to be the last."""
        if not self._portion:
            return
        first, last = (
            np.concatenate(side) - self._origin for side in zip(*self._portion, strict=True)
        )
        self._portion, self._size = [], 0
        self._n_pairs += len(first)
        self._sum += first.sum(0) + last.sum(0)
        self._products += first.T @ first
        self._products += last.T @ last
        self._lagged += first.T @ last

    def __iadd__(self, other):
        self._n_pairs += other._n_pairs
        self._sum += other._sum
        self._products += other._products
        self._lagged += other._lagged
        return self

    def modes(self, lag, dimensions=None):
        """Of `fit_slow_modes`."""
        decomposition = optional("deeptime.decomposition", "TICA")
        covariance = optional("deeptime.covariance", "TICA")
        options = {"var_cutoff": 0.95} if dimensions is None else {"dim": dimensions}
        # time has no direction: each pair counts forwards and backwards
        n_frames = 2 * self._n_pairs
        mean = self._sum / n_frames
        square = np.outer(mean, mean)
        instantaneous = self._products / n_frames - square
        lagged = (self._lagged + self._lagged.T) / n_frames - square
        mean = mean + self._origin
        found = covariance.CovarianceModel(
            cov_00=instantaneous, cov_0t=lagged, cov_tt=instantaneous, mean_0=mean, mean_t=mean,
            bessels_correction=False, symmetrized=True, lagtime=lag, data_mean_removed=True,
        )  # fmt: skip
        model = decomposition.TICA(lagtime=lag, **options)
        return model.fit_from_covariances(found).fetch_model()


class Projection:
    """Features in slow modes, in single precision; small enough to be sent to other processes.

    Parameters
    ----------
    modes : deeptime.decomposition.CovarianceKoopmanModel
    most : int
        Modes that are kept.
    """

    def __init__(self, modes, most):
        self.dimensions = min(int(modes.output_dimension), most)
        self._mean = modes.mean_0
        self._coefficients = modes.instantaneous_coefficients[:, : self.dimensions].copy()

    def __call__(self, features):
        """Of ``(n_frames, n_features)``: ``(n_frames, dimensions)``."""
        values = np.empty((len(features), self.dimensions), dtype=np.float32)
        for start in range(0, len(features), _PORTION):
            portion = slice(start, start + _PORTION)
            values[portion] = (features[portion] - self._mean) @ self._coefficients
        return values


def fit_slow_modes(pieces, lag: int, dimensions: int | None = None):
    """Time-lagged independent components (TICA) of trajectories in pieces, by deeptime.

    Parameters
    ----------
    pieces : iterable of ndarray, ``(n_frames, n_features)``
        Replicas, or legs; those of no more than `lag` frames are left out.
    lag : int
        Frames.
    dimensions : int, optional
        Number of components; by default those of 95 % of the kinetic variance.

    Returns
    -------
    deeptime.decomposition.CovarianceKoopmanModel
        Has ``transform``.

    Raises
    ------
    ValueError
        If no piece is longer than the lag.
    """
    sums, longest = None, 0
    for piece in pieces:
        longest = max(longest, len(piece))
        if len(piece) > lag:
            sums = LaggedSums(piece[0]) if sums is None else sums
            sums.add(piece[:-lag], piece[lag:])
    if sums is None:
        raise ValueError(
            f"the longest piece has {longest} frames, and a lag of {lag} takes more: give longer "
            "pieces, or a shorter lag"
        )
    sums.close()
    return sums.modes(lag, dimensions)


def effective_samples(series: np.ndarray) -> float:
    """Number of independent frames, by the integrated autocorrelation time (Sokal's window).

    Parameters
    ----------
    series : ndarray, ``(n_frames,)``

    Returns
    -------
    float
        NaN of a series that does not change, or of so few frames that no time can be told.
    """
    autocorrelation = optional("emcee.autocorr", "The number of effective samples")
    if np.ptp(series) < 1e-9:
        return math.nan
    time = autocorrelation.integrated_time(series, c=5, quiet=True).item()
    return len(series) / time if time > 0 else math.nan
