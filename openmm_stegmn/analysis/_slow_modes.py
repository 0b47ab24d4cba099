"""Slow modes, and how many independent samples a series has."""

import math

import numpy as np

from ._extras import optional


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
    deeptime.decomposition.TransferOperatorModel
        Has ``transform``.

    Raises
    ------
    ValueError
        If no piece is longer than the lag.
    """
    decomposition = optional("deeptime.decomposition", "TICA")
    options = {"var_cutoff": 0.95} if dimensions is None else {"dim": dimensions}
    model = decomposition.TICA(lagtime=lag, **options)
    portion, size, longest = [], 0, 0
    for piece in pieces:
        longest = max(longest, len(piece))
        if len(piece) > lag:
            portion.append((piece[:-lag], piece[lag:]))
            size += len(piece)
        if size > 10_000:
            _fit_portion(model, portion)
            portion, size = [], 0
    if portion:
        _fit_portion(model, portion)
    if longest <= lag:
        raise ValueError(
            f"the longest piece has {longest} frames, and a lag of {lag} takes more: give longer "
            "pieces, or a shorter lag"
        )
    return model.fetch_model()


def _fit_portion(model, portion):
    sides = zip(*portion, strict=True)
    model.partial_fit(tuple(np.concatenate(side).astype(np.float64) for side in sides))


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
