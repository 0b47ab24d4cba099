"""Statistics of the benchmark ``sampling``: effective samples, visits, free energies."""

import math

import numpy as np

_BINS = 24
# Bins that a free energy is compared in hold at least that share of the reference.
_LEAST = 1e-3


def effective_samples(series: np.ndarray) -> float:
    """Number of independent frames, by the integrated autocorrelation time (Sokal's window).

    Parameters
    ----------
    series : ndarray, ``(n_frames,)``
    """
    from emcee.autocorr import integrated_time

    if np.ptp(series) < 1e-9:
        return math.nan
    return len(series) / integrated_time(series, c=5, quiet=True).item()


def effective_angles(angles: np.ndarray) -> float:
    """Effective samples of an angle, rad: of its cosine or sine, whichever has fewer."""
    return min(effective_samples(np.cos(angles)), effective_samples(np.sin(angles)))


class SlowestMode:
    """The slowest mode of the reference, by TICA of cosines and sines of the torsions.

    Parameters
    ----------
    references : list of ndarray, ``(n_frames, n_bonds)``
        rad, replicas of plain dynamics.
    lag : int
        Frames.
    folds : ndarray, ``(n_bonds,)``
        Symmetry of what turns: a methyl that has turned by 120° is where it was.
    """

    def __init__(self, references, lag: int, folds: np.ndarray):
        from deeptime.decomposition import TICA

        self._folds = folds
        self._model = TICA(lagtime=lag, dim=1)
        for reference in references:
            features = self._features(reference)
            self._model.partial_fit((features[:-lag], features[lag:]))
        self._fitted = self._model.fetch_model()

    def __call__(self, torsions: np.ndarray) -> np.ndarray:
        """Value in each frame."""
        return self._fitted.transform(self._features(torsions))[:, 0]

    def _features(self, torsions):
        angles = torsions.astype(np.float64) * self._folds
        return np.concatenate([np.cos(angles), np.sin(angles)], 1)


def visits(angles: np.ndarray, low: float, high: float) -> int:
    """How often an angle, rad, comes between two bounds from outside.

    Frames within 0.35 rad beyond the bounds count as neither, so that shaking at one is no visit.
    """
    margin = 0.35
    inside = (angles > low) & (angles < high)
    outside = (angles < low - margin) | (angles > high + margin)
    state = np.where(inside, 1, np.where(outside, 0, -1))
    state = state[state >= 0]
    return int((np.diff(state) > 0).sum())


def free_energy(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Histogram over two angles, rad, ``(bins, bins)``."""
    edges = np.linspace(-np.pi, np.pi, _BINS + 1)
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
    populated = q >= _LEAST
    found = populated & (p > 0)
    if not found.any():
        return math.nan, 1.0
    difference = np.log(p[found] / q[found])
    # Free energies have no zero: the mean difference is none.
    difference = difference - difference.mean()
    return float(np.sqrt((difference**2).mean())), float(1 - found.sum() / populated.sum())
