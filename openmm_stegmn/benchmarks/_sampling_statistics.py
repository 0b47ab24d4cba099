"""Statistics of the benchmark ``sampling``: effective samples of angles, slow modes, visits."""

import numpy as np

from ..analysis import effective_samples, fit_slow_modes


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
        self._folds = folds
        self._fitted = fit_slow_modes(map(self._features, references), lag, dimensions=1)

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
