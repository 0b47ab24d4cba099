"""Whether two sets of frames differ by more than their noise.

Consecutive frames are no independent samples, blocks of them are nearly so. What a distance would
be if both sides came from the same distribution, its *noise floor*, is measured by giving blocks to
the sides at random: no assumption is made about the distance or the distributions.
"""

from dataclasses import dataclass

import numpy as np

from ._distances import Distance

#: Fewer blocks tell nothing of their noise.
LEAST_BLOCKS = 8
_DRAWS, _RESAMPLES = 999, 200
_NUMBERS_AT_ONCE = 4_000_000
# Of consecutive blocks: below that, what is not seen of the noise is a tenth of it.
_CORRELATED = 0.2

WITHIN, OUTSIDE, UNKNOWN = "within noise", "outside noise", "not known"


@dataclass(frozen=True)
class Comparison:
    """How far two sets of frames are from each other in an observable.

    Attributes
    ----------
    observable : str
    left, right : str
        What was compared.
    distance : str
        Name of the distance.
    unit : str
    value : float
        Mean over the members of the observable, such as dihedrals.
    error : float
        Its standard error, from blocks drawn again with replacement.
    floor, floor_95 : float
        Mean, and 95 % quantile, of the distance where there is no difference but noise.
    p_value : float
        How often noise alone gives such a distance or a larger one.
    n_blocks : int
        Blocks of the side that has fewer.
    correlation : float
        Of consecutive blocks. Of correlated blocks noise is underestimated.
    worst : str
        Member with the largest distance.
    worst_value : float
    """

    observable: str
    left: str
    right: str
    distance: str
    unit: str
    value: float
    error: float
    floor: float
    floor_95: float
    p_value: float
    n_blocks: int
    correlation: float
    worst: str
    worst_value: float

    def verdict(self, level: float = 0.05) -> str:
        """ "within noise", "outside noise", or "not known".

        Noise that is underestimated can only make a distance look too large: if blocks are
        correlated, "outside" is not known, "within" is.

        Parameters
        ----------
        level : float
            How often noise alone may be called a difference.
        """
        if not np.isfinite(self.value) or self.n_blocks < LEAST_BLOCKS:
            return UNKNOWN
        if self.p_value > level:
            return WITHIN
        return UNKNOWN if self.correlation > _CORRELATED else OUTSIDE


@dataclass(frozen=True)
class Tally:
    """Sums over the frames of each block.

    Attributes
    ----------
    sums : ndarray (n_blocks, n)
    frames : ndarray (n_blocks,)
    """

    sums: np.ndarray
    frames: np.ndarray

    def __add__(self, other):
        return Tally(self.sums + other.sums, self.frames + other.frames)

    def __getitem__(self, chosen):
        return Tally(self.sums[chosen], self.frames[chosen])

    @property
    def means(self):
        """Per frame, ``(n_blocks, n)``."""
        return self.sums / np.maximum(self.frames, 1)[:, None]

    def merged(self):
        """Pairs of consecutive blocks in one."""
        starts = np.arange(0, len(self.frames), 2)
        return Tally(np.add.reduceat(self.sums, starts), np.add.reduceat(self.frames, starts))


def compare_within(observable, members, distance: Distance, left: Tally, right: Tally, names):
    """Compare frames of two kinds of the same blocks, such as jumped and physical ones.

    Blocks count by the frames of the kind that has fewer. Without a difference it would not matter
    which of a block's two means goes to which side; all slow motion is on both sides alike.

    Parameters
    ----------
    observable : str
    members : sequence of str
    distance : Distance
    left, right : Tally
        Of the same blocks.
    names : (str, str)
        Of the sides.
    """
    both = (left.frames > 0) & (right.frames > 0)
    left, right = left[both], right[both]
    if not both.any():
        return _nothing(observable, distance, names)
    merge = True
    while merge:
        weights = _share(np.minimum(left.frames, right.frames))
        correlation = _correlation((left.means - right.means) * np.sqrt(weights)[:, None])
        merge = correlation > _CORRELATED and len(weights) >= 2 * LEAST_BLOCKS
        if merge:
            left, right = left.merged(), right.merged()
    one, two = left.means * weights[:, None], right.means * weights[:, None]
    share = left.frames.sum() / (left.frames.sum() + right.frames.sum())
    pooled = share * one.sum(0) + (1 - share) * two.sum(0)
    rng = np.random.default_rng(0)
    n_blocks = len(weights)

    def swapped(count):
        swap = rng.integers(2, size=(count, n_blocks)).astype(float)
        return one.sum(0) + swap @ (two - one), two.sum(0) + swap @ (one - two)

    def drawn(count):
        times = rng.multinomial(n_blocks, weights, size=count) / (n_blocks * weights)
        return times @ one, times @ two

    return _comparison(
        observable, members, distance, names, one.sum(0), two.sum(0), pooled, swapped, drawn,
        n_blocks, correlation,
    )  # fmt: skip


def compare_apart(observable, members, distance: Distance, left: Tally, right: Tally, names):
    """Compare frames of two trajectories that have nothing to do with each other.

    Parameters
    ----------
    observable, members, distance, names
        As of `compare_within`.
    left, right : Tally
        Of blocks that all take about the same time.
    """
    left, right = left[left.frames > 0], right[right.frames > 0]
    if not len(left.frames) or not len(right.frames):
        return _nothing(observable, distance, names)
    merge = True
    while merge:
        fewest = min(len(left.frames), len(right.frames))
        correlation = max(_correlation(side.means) for side in (left, right))
        merge = correlation > _CORRELATED and fewest >= 2 * LEAST_BLOCKS
        if merge:
            left, right = left.merged(), right.merged()
    sums = np.concatenate([left.sums, right.sums])
    frames = np.concatenate([left.frames, right.frames]).astype(float)
    n_left, n_blocks = len(left.frames), len(frames)
    rng = np.random.default_rng(0)

    def means(times):
        return times @ sums / np.maximum(times @ frames, 1e-300)[:, None]

    def swapped(count):
        order = rng.permuted(np.tile(np.arange(n_blocks), (count, 1)), axis=1)
        of_left = (order < n_left).astype(float)
        return means(of_left), means(1 - of_left)

    def drawn(count):
        of_left, of_right = np.zeros((2, count, n_blocks))
        n_right = n_blocks - n_left
        of_left[:, :n_left] = rng.multinomial(n_left, np.full(n_left, 1 / n_left), count)
        of_right[:, n_left:] = rng.multinomial(n_right, np.full(n_right, 1 / n_right), count)
        return means(of_left), means(of_right)

    observed = [side.sums.sum(0) / side.frames.sum() for side in (left, right)]
    pooled = sums.sum(0) / frames.sum()
    return _comparison(
        observable, members, distance, names, *observed, pooled, swapped, drawn, fewest, correlation
    )


def _comparison(
    observable, members, distance, names, left, right, pooled, swapped, drawn, n_blocks, correlation
):  # fmt: skip
    each, found = distance(left, right), distance.statistic(left, right, pooled)
    value, worst = float(each.mean()), int(each.argmax())
    floor, by_noise = _many(distance, swapped, _DRAWS, pooled)
    spread, _ = _many(distance, drawn, _RESAMPLES, pooled)
    # What was found is one of those that noise could have given.
    p_value = (1 + (by_noise >= found * (1 - 1e-9) - 1e-15).sum()) / (1 + len(by_noise))
    return Comparison(
        observable, *names, distance.name, distance.unit, value, float(spread.std()),
        float(floor.mean()), float(np.quantile(floor, 0.95)), float(p_value), n_blocks,
        float(correlation), members[worst], float(each[worst]),
    )  # fmt: skip


def _many(distance, make, count, pooled):
    """Mean distances, and test statistics, of many random pairs of sides."""
    portion, distances, statistics = max(1, _NUMBERS_AT_ONCE // len(pooled)), [], []
    while count > 0:
        left, right = make(min(portion, count))
        distances.append(distance(left, right).mean(-1))
        statistics.append(distance.statistic(left, right, pooled))
        count -= len(left)
    return np.concatenate(distances), np.concatenate(statistics)


def _nothing(observable, distance, names):
    nan = float("nan")
    return Comparison(
        observable, *names, distance.name, distance.unit, nan, nan, nan, nan, nan, 0, nan, "", nan
    )


def _correlation(values):
    """Of consecutive blocks, over all columns; NaN-free, and 0 of too few."""
    if len(values) < 3:
        return 0.0
    away = values - values.mean(0)
    total = (away**2).sum()
    # Of independent blocks it is not 0 but -1/n on average, since the mean is theirs.
    found = (away[1:] * away[:-1]).sum() / total if total > 0 else 0.0
    return float(found + 1 / len(values))


def _share(frames):
    return frames / frames.sum()
