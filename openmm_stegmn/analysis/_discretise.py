"""From features to states: slow modes of the legs, then clusters in them."""

import numpy as np

from ._extras import optional
from ._slow_modes import fit_slow_modes

_MOST_STATES, _LEAST_STATES, _TRANSITIONS_PER_STATE = 100, 4, 25
_CLUSTERED_FRAMES, _MOST_DIMENSIONS = 50_000, 10
# Frames that are projected at a time: features are in double precision meanwhile.
_PORTION = 10_000


def discretise(features, ranges, lag, physical, n_states=None, dimensions=None, seed=0):
    """States of all frames, by k-means in the slow modes (TICA) of the legs.

    Parameters
    ----------
    features : ndarray (n_frames, n_features)
    ranges : ndarray (n_legs, 2)
        Frames of the legs.
    lag : int
        Frames.
    physical : ndarray (n_frames,), bool
        Frames that clusters are made of; the others get the state that they are nearest to.
    n_states : int, optional
        Default: one for each 25 transitions that do not overlap in time, from 4 to 100.
    dimensions : int, optional
        Slow modes; by default those of 95 % of the kinetic variance, at most 10. 0: cluster the
        features themselves.
    seed : int

    Returns
    -------
    ndarray (n_frames,), int
    """
    clustering = optional("deeptime.clustering", "A Markov state model")
    if dimensions != 0:
        modes = fit_slow_modes((features[start:stop] for start, stop in ranges), lag, dimensions)
        kept = slice(dimensions or _MOST_DIMENSIONS)
        portions = [features[n : n + _PORTION] for n in range(0, len(features), _PORTION)]
        features = np.concatenate([modes.transform(each)[:, kept] for each in portions])
    features = np.ascontiguousarray(features, dtype=np.float32)
    if n_states is None:
        independent = ((np.diff(ranges) - 1) // lag).sum()
        n_states = np.clip(independent // _TRANSITIONS_PER_STATE, _LEAST_STATES, _MOST_STATES)
    chosen = features[np.flatnonzero(physical)[:: -(-int(physical.sum()) // _CLUSTERED_FRAMES)]]
    n_states = min(int(n_states), len(np.unique(chosen, axis=0)))
    means = clustering.KMeans(n_states, max_iter=200, fixed_seed=seed + 1, n_jobs=1)
    return means.fit_fetch(np.ascontiguousarray(chosen)).transform(features).astype(int)
