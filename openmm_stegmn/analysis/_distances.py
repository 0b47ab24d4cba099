"""How far two distributions are from each other, for many at a time.

All take mean tallies ``(..., n_members * n)`` of two sides, members one after the other, and give
``(..., n_members)``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Distance:
    """A distance between tallies.

    Attributes
    ----------
    name, unit : str
    n_members : int
        Distributions in a tally, such as dihedrals.
    between : callable
        Of two arrays ``(..., n_members, n)``, gives ``(..., n_members)``.
    squared : callable
        The same of two sides and of all frames together, quadratic in the difference of the sides.
        Its mean, unlike that of the other, is the same for any noise of the same variance, however
        skewed by bins that hold a frame or none: what is tested is this one.
    """

    name: str
    unit: str
    n_members: int
    between: Callable
    squared: Callable

    def __call__(self, left, right):
        """Of each member, ``(..., n_members)``."""
        return self.between(*self._split(left, right))

    def statistic(self, left, right, pooled):
        """What tells whether there is a difference, ``(...)``."""
        return self.squared(*self._split(left, right, pooled)).mean(-1)

    def _split(self, *sides):
        return (side.reshape(*side.shape[:-1], self.n_members, -1) for side in sides)


def jensen_shannon(n_members: int) -> Distance:
    """Jensen–Shannon divergence, bits: 0 the same, 1 disjoint; tested by the χ² distance."""

    def squared(left, right, pooled):
        return _quotient((_normalised(left) - _normalised(right)) ** 2, pooled).sum(-1)

    return Distance("Jensen–Shannon divergence", "bits", n_members, divergence, squared)


def wasserstein(n_members: int, width: float, unit: str) -> Distance:
    """Wasserstein distance of first order: how far one distribution's mass has to be moved; tested
    by the distance of Cramér and von Mises.

    Parameters
    ----------
    n_members : int
    width : float
        Of a bin.
    unit : str
        Of the width.
    """

    def cumulated(left, right):
        return np.cumsum(_normalised(left) - _normalised(right), axis=-1)

    def between(left, right):
        return np.abs(cumulated(left, right)).sum(-1) * width

    def squared(left, right, pooled):
        return (cumulated(left, right) ** 2).sum(-1)

    return Distance("Wasserstein distance", unit, n_members, between, squared)


def divergence(left, right):
    """Jensen–Shannon divergence of two histograms, over the last axis, bits.

    Parameters
    ----------
    left, right : ndarray (..., n_bins)
        Counts, or anything in proportion to them. An empty one has no divergence from anything: 0.
    """
    left, right = _normalised(left), _normalised(right)
    return entropy((left + right) / 2) - (entropy(left) + entropy(right)) / 2


def entropy(probabilities):
    """Shannon entropy over the last axis, bits."""
    p = np.asarray(probabilities, dtype=float)
    return -(p * np.log2(p, out=np.zeros_like(p), where=p > 0)).sum(-1)


def _normalised(counts):
    return _quotient(counts, counts.sum(-1, keepdims=True))


def _quotient(values, by):
    out = np.zeros(np.broadcast_shapes(values.shape, by.shape))
    return np.divide(values, by, out=out, where=by > 0)
