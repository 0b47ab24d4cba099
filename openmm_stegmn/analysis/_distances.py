"""How far two distributions are from each other, for many at a time.

All take mean tallies ``(..., n_members * n)`` of two sides, members one after the other, and give
``(..., n_members)``.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Distance(ABC):
    """A distance between mean tallies of two sides.

    Attributes
    ----------
    n_members : int
        Distributions in a tally, such as dihedrals.
    name, unit : str
        Of each kind of distance.
    """

    n_members: int

    def __call__(self, left, right):
        """Of each member, ``(..., n_members)``."""
        return self.between(*self._split(left, right))

    def statistic(self, left, right, pooled):
        """What tells whether there is a difference, ``(...)``."""
        return self.squared(*self._split(left, right, pooled)).mean(-1)

    @abstractmethod
    def between(self, left, right):
        """Of two arrays ``(..., n_members, n)``: ``(..., n_members)``."""

    @abstractmethod
    def squared(self, left, right, pooled):
        """The same of two sides and of all frames together, quadratic in their difference.

        Its mean, unlike that of the other, is the same for any noise of the same variance, however
        skewed by bins that hold a frame or none: what is tested is this one.
        """

    def _split(self, *sides):
        return (side.reshape(*side.shape[:-1], self.n_members, -1) for side in sides)


@dataclass(frozen=True)
class JensenShannon(Distance):
    """Jensen–Shannon divergence, bits: 0 the same, 1 disjoint; tested by the χ² distance."""

    name = "Jensen–Shannon divergence"
    unit = "bits"

    def between(self, left, right):
        return divergence(left, right)

    def squared(self, left, right, pooled):
        return _quotient((_normalised(left) - _normalised(right)) ** 2, pooled).sum(-1)


@dataclass(frozen=True)
class Wasserstein(Distance):
    """Wasserstein distance of first order: how far one distribution's mass has to be moved; tested
    by the distance of Cramér and von Mises.

    Attributes
    ----------
    width : float
        Of a bin.
    unit : str
        Of the width.
    """

    width: float
    unit: str
    name = "Wasserstein distance"

    def between(self, left, right):
        return np.abs(self._cumulated(left, right)).sum(-1) * self.width

    def squared(self, left, right, pooled):
        return (self._cumulated(left, right) ** 2).sum(-1)

    def _cumulated(self, left, right):
        return np.cumsum(_normalised(left) - _normalised(right), axis=-1)


@dataclass(frozen=True)
class FluctuationDifference(Distance):
    """Difference of root mean square fluctuations, Å.

    Tallies of an atom are its mean displacement from a reference (three numbers), and its mean
    square.
    """

    name = "difference"
    unit = "Å"

    def between(self, left, right):
        return np.abs(_fluctuation(left) - _fluctuation(right))

    def squared(self, left, right, pooled):
        return (_fluctuation(left) - _fluctuation(right)) ** 2


@dataclass(frozen=True)
class CurveDifference(Distance):
    """Root mean square difference of two curves, such as radial distributions."""

    name = "rms difference"
    unit = "of g(r)"

    def between(self, left, right):
        return np.sqrt(self.squared(left, right, None))

    def squared(self, left, right, pooled):
        return ((left - right) ** 2).mean(-1)


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


def _fluctuation(means):
    return np.sqrt(np.maximum(means[..., 3] - (means[..., :3] ** 2).sum(-1), 0.0))


def _normalised(counts):
    return _quotient(counts, counts.sum(-1, keepdims=True))


def _quotient(values, by):
    out = np.zeros(np.broadcast_shapes(values.shape, by.shape))
    return np.divide(values, by, out=out, where=by > 0)
