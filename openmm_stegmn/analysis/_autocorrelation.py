"""Autocorrelation within legs: what jumps do to time does not enter."""

import numpy as np

from ._legs import PhysicalLegs


def leg_autocorrelation(values, legs: PhysicalLegs, longest: int, *, across_jumps=False):
    """Autocorrelation function of a quantity, from pairs of frames of the same leg.

    Parameters
    ----------
    values : ndarray (n_frames,) or (n_frames, n)
        Of every frame of the trajectory; of several columns the products are added, as for a unit
        vector.
    legs : PhysicalLegs
    longest : int
        Longest lag, frames.
    across_jumps : bool
        Take pairs of frames with jumps between them too, at the number of frames between them. That
        is no time correlation of the dynamics: the clock of a jump is nominal, and stands still in
        an exact one.

    Returns
    -------
    times : ndarray (longest + 1,)
        ps.
    correlation : ndarray (longest + 1,)
        1 at lag 0, of the deviation from the mean over the legs' frames.
    pairs : ndarray (longest + 1,), int
        Pairs of frames at each lag.

    Raises
    ------
    ValueError
        If legs are too short and `across_jumps` is not given.
    """
    values = np.asarray(values, dtype=float)
    if len(values) != len(legs.frames):
        raise ValueError(
            f"There are {len(values)} values: expected one for each of the {len(legs.frames)} "
            "frames of the trajectory."
        )
    values = values.reshape(len(values), -1)
    if across_jumps:
        starts = np.flatnonzero(np.diff(legs.frames.replica, prepend=-1) != 0)
        pieces = np.split(values, starts[1:])
    else:
        pieces = legs.pieces(values)
    most = max((len(piece) for piece in pieces), default=0) - 1
    if longest > most:
        raise ValueError(
            f"Legs have at most {most + 1} frames ({max(most, 0) * legs.interval:g} ps); a lag of "
            f"{longest} frames needs one of {longest + 1}, and pairs of frames with a jump between "
            "them tell no kinetics. Run with longer legs (md_frames), ask for a shorter lag, or, "
            "if that is what you want, pass across_jumps=True."
        )
    mean = np.concatenate(pieces).mean(axis=0)
    sums, pairs = np.zeros(longest + 1), np.zeros(longest + 1, dtype=int)
    for piece in pieces:
        away = piece - mean
        for lag in range(min(longest, len(piece) - 1) + 1):
            count = len(piece) - lag
            sums[lag] += (away[:count] * away[lag:]).sum()
            pairs[lag] += count
    correlation = sums / pairs
    return legs.interval * np.arange(longest + 1), correlation / correlation[0], pairs
