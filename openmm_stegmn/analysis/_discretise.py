"""From slow modes to states."""

import numpy as np

from ._extras import optional

_MOST_STATES, _LEAST_STATES, _TRANSITIONS_PER_STATE = 100, 4, 25
_CLUSTERED_FRAMES = 50_000


def discretise(values, ranges, lag, physical, n_states=None, seed=0):
    """States of all frames, by k-means.

    Parameters
    ----------
    values : ndarray (n_frames, n_dimensions)
        Features in their slow modes, or as they are.
    ranges : ndarray (n_legs, 2)
        Frames of the legs.
    lag : int
        Frames.
    physical : ndarray (n_frames,), bool
        Frames that clusters are made of; the others get the state that they are nearest to.
    n_states : int, optional
        Default: one for each 25 transitions that do not overlap in time, from 4 to 100.
    seed : int

    Returns
    -------
    ndarray (n_frames,), int
    """
    clustering = optional("deeptime.clustering", "A Markov state model")
    values = np.ascontiguousarray(values, dtype=np.float32)
    if n_states is None:
        independent = ((np.diff(ranges) - 1) // lag).sum()
        n_states = np.clip(independent // _TRANSITIONS_PER_STATE, _LEAST_STATES, _MOST_STATES)
    chosen = values[np.flatnonzero(physical)[:: -(-int(physical.sum()) // _CLUSTERED_FRAMES)]]
    n_states = min(int(n_states), len(np.unique(chosen, axis=0)))
    means = clustering.KMeans(n_states, max_iter=200, fixed_seed=seed + 1, n_jobs=1)
    return means.fit_fetch(np.ascontiguousarray(chosen)).transform(values).astype(int)
