"""Basins of alanine dipeptide in records, and times to leave them in plain dynamics."""

import MDAnalysis
import numpy as np
from MDAnalysis.coordinates.memory import MemoryReader

from openmm_stegmn.analysis import HybridFrames, LegMarkovModel, basins_of

#: In the order of their numbers.
BASINS = ("beta", "alpha_R", "phi_positive")


def finite(bounds):
    """JSON has no NaN."""
    return None if bounds is None or not np.isfinite(bounds).all() else list(bounds)


def leaving_times(replicas, step, lag):
    """Mean times to leave the basins of plain dynamics that is looked at once a lag.

    Parameters
    ----------
    replicas : list of ndarray (n_frames, 2)
        φ and ψ, rad.
    step, lag : float
        Between frames, and of the Markov model, ps.

    Returns
    -------
    dict of dict
        Of each basin, ps, mean with low and high (95 %), or None where not known: "markov", by the
        Markov model that the legs of runs are made into, of φ and ψ alone; "direct", from each
        frame in the basin to the first of those a lag apart that is not.
    """
    basins = basins_of(np.concatenate(replicas))
    markov = markov_model(replicas, step, lag)
    every = round(lag / step)
    found = {}
    for number, basin in enumerate(BASINS):
        inside = basins == number
        pieces = np.split(inside, np.cumsum([len(each) for each in replicas])[:-1])
        found[basin] = {
            "markov": finite(markov.passage_time(inside, ~inside)),
            "direct": finite(step * direct_time(pieces, every)),
        }
    return found


def markov_model(replicas, step, lag):
    """The analysis of hybrid runs, with each replica as one leg."""
    angles = np.concatenate(replicas)
    points = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=-1).astype(np.float32)
    universe = MDAnalysis.Universe.empty(2, trajectory=True)
    universe.load_new(points, format=MemoryReader)
    time = np.concatenate([step * np.arange(len(each)) for each in replicas])
    frames = HybridFrames.from_arrays(time, np.zeros(len(time), int))
    return LegMarkovModel(universe.atoms, lag, features=on_circles, frames=frames).run()


def on_circles(atoms):
    """Cosines and sines, as of the analysis's own dihedrals."""
    return atoms.positions[:, :2].ravel()


def direct_time(pieces, every):
    """Mean time to the first frame outside, of those ``every`` frames apart; in frames.

    Only frames of the first half of each replica are asked, so that nearly all have left when it
    ends; if more than 1 % have not, the time is not known. The interval is by the differences
    between replicas.
    """
    asked, total, unknown = np.zeros((3, len(pieces)))
    for number, inside in enumerate(pieces):
        # a row is a lag; where the last one is still inside the time is not known
        rows = inside[: len(inside) // every * every].reshape(-1, every)
        left = np.full(rows.shape, np.nan)
        for row in range(len(rows) - 2, -1, -1):
            left[row] = every * (1 + np.where(rows[row + 1], left[row + 1] / every, 0))
        waits = left[: len(rows) // 2][rows[: len(rows) // 2]]
        known = np.isfinite(waits)
        asked[number], total[number] = known.sum(), waits[known].sum()
        unknown[number] = (~known).sum()
    if not asked.any() or unknown.sum() > 0.01 * (asked + unknown).sum():
        return np.full(3, np.nan)
    mean = total.sum() / asked.sum()
    # of a ratio of sums over replicas
    error = np.sqrt(((total - mean * asked) ** 2).sum()) / asked.sum()
    error *= np.sqrt(len(pieces) / max(len(pieces) - 1, 1e-9))
    return mean + 1.96 * error * np.array([0, -1, 1])
