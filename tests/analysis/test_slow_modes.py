"""Effective samples and slow modes of known series."""

import math

import numpy as np
import pytest

from openmm_stegmn.analysis import effective_samples, fit_slow_modes
from openmm_stegmn.analysis._slow_modes import LaggedSums


def relaxing(n, memory, seed=0):
    """A series whose autocorrelation falls by a factor each frame."""
    noise = np.random.default_rng(seed).normal(size=n)
    series = np.zeros(n)
    for frame in range(1, n):
        series[frame] = memory * series[frame - 1] + noise[frame]
    return series


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_effective_samples_of_a_known_series(memory):
    n = 50_000
    expected = n * (1 - memory) / (1 + memory)
    assert effective_samples(relaxing(n, memory)) == pytest.approx(expected, rel=0.2)
    assert math.isnan(effective_samples(np.zeros(100)))


def test_slow_modes_of_pieces():
    """The slow one of two mixed series, from pieces; those too short for the lag do not matter."""
    slow, fast = relaxing(30_000, 0.99), relaxing(30_000, 0.2, seed=1)
    slow /= slow.std()
    mixed = np.stack([slow + fast, slow - 2 * fast], axis=1)
    pieces = [*np.split(mixed, 300), mixed[:3]]
    mode = fit_slow_modes(pieces, 5, 1).transform(mixed)[:, 0]
    assert abs(np.corrcoef(mode, slow)[0, 1]) > 0.99


def test_pieces_that_are_all_too_short():
    with pytest.raises(ValueError, match="longest piece has 5 frames, and a lag of 5 takes more"):
        fit_slow_modes([np.zeros((3, 2)), np.zeros((5, 2))], 5, 1)


def test_slow_modes_are_those_of_deeptime():
    """Of all pairs at once, far from the origin; also from sums of two processes."""
    decomposition = pytest.importorskip("deeptime.decomposition")
    rng, lag = np.random.default_rng(0), 5
    mixing = rng.normal(size=(4, 4))
    series = np.stack([relaxing(3_000, memory, n) for n, memory in enumerate((0.99, 0.9, 0.5, 0))])
    pieces = np.split(series.T @ mixing + 1e4, 30)
    sides = (np.concatenate([piece[part] for piece in pieces])
             for part in (slice(None, -lag), slice(lag, None)))  # fmt: skip
    expected = decomposition.TICA(lagtime=lag, dim=3).partial_fit(tuple(sides)).fetch_model()
    found = fit_slow_modes(pieces, lag, 3)
    parts = [LaggedSums(pieces[0][0]) for _ in range(2)]
    for number, piece in enumerate(pieces):
        parts[number % 2].add(piece[:-lag], piece[lag:])
    for each in parts:
        each.close()
    parts[0] += parts[1]
    for model in (found, parts[0].modes(lag, 3)):
        np.testing.assert_allclose(model.singular_values, expected.singular_values, rtol=1e-6)
        np.testing.assert_allclose(
            model.transform(pieces[0]), expected.transform(pieces[0]), rtol=1e-5, atol=1e-6
        )
