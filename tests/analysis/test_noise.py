"""Distances have their known values, and noise is told from difference."""

import numpy as np
import pytest

from openmm_stegmn.analysis import OUTSIDE, UNKNOWN, WITHIN, divergence, entropy
from openmm_stegmn.analysis._distances import JensenShannon, Wasserstein
from openmm_stegmn.analysis._noise import Tally, compare_apart, compare_within
from openmm_stegmn.analysis._origin_comparison import verdicts

NAMES = ("left", "right")


def tally(rng, n_blocks, n_frames, shift=0.0, own=None, bins=20):
    """Blocks of normal numbers about `shift`, and about what each block has of its own."""
    own = np.zeros(n_blocks) if own is None else own
    values = rng.normal(size=(n_blocks, n_frames)) + shift + own[:, None]
    places = np.clip(((values + 4) / 8 * bins).astype(int), 0, bins - 1)
    sums = np.array([np.bincount(each, minlength=bins) for each in places])
    return Tally(sums.astype(float), np.full(n_blocks, n_frames))


def compare(how, left, right, distance=None):
    return how("x", ["x"], distance or JensenShannon(1), left, right, NAMES)


def test_known_distances():
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(3)
    left, right = np.array([2.0, 0, 0, 0]), np.array([0, 0, 0, 5.0])
    assert divergence(left, left) == 0 and divergence(left, right) == pytest.approx(1)
    moved = Wasserstein(1, 0.5, "Å")(left[None], right[None])
    assert moved.tolist() == [[1.5]]
    two = JensenShannon(2)(np.concatenate([left, left]), np.concatenate([left, right]))
    np.testing.assert_allclose(two, [0, 1])


@pytest.mark.parametrize("sizes", [(30, 30), (3, 30), (30, 300)])
def test_equal_distributions_within_a_run_are_within_noise_at_the_nominal_rate(sizes):
    """Also where blocks differ from each other, and one kind of frame is rare."""
    rng, found = np.random.default_rng(1), []
    for _ in range(100):
        own = 0.5 * rng.normal(size=30)
        sides = (tally(rng, 30, size, own=own) for size in sizes)
        found.append(compare(compare_within, *sides).p_value)
    found = np.array(found)
    # 5 % of 100, and four standard deviations
    assert 0.0 < (found <= 0.05).mean() < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 100)
    assert 0.4 < found.mean() < 0.6


@pytest.mark.parametrize("numbers", [(20, 20), (12, 40)])
def test_equal_distributions_of_two_runs(numbers):
    rng, found = np.random.default_rng(2), []
    for _ in range(100):
        sides = (tally(rng, n, 30, own=0.5 * rng.normal(size=n)) for n in numbers)
        found.append(compare(compare_apart, *sides).p_value)
    found = np.array(found)
    assert 0.0 < (found <= 0.05).mean() < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 100)
    assert 0.4 < found.mean() < 0.6


@pytest.mark.parametrize("how", [compare_within, compare_apart])
@pytest.mark.parametrize("distance", [JensenShannon(1), Wasserstein(1, 0.4, "Å")])
def test_shifted_distributions_are_outside(how, distance):
    rng = np.random.default_rng(3)
    found = compare(how, tally(rng, 30, 50, 0.4), tally(rng, 30, 50), distance)
    assert found.verdict() == OUTSIDE and found.value > found.floor_95
    assert found.p_value == pytest.approx(1e-3)
    assert 0 < found.error < found.value
    if distance.unit == "Å":
        assert found.value == pytest.approx(0.4, abs=0.1)


def test_paired_blocks_hide_nothing_and_need_no_equal_blocks():
    """Slow motion that both kinds of frames share is no difference; without pairs it is noise."""
    rng = np.random.default_rng(4)
    own = np.repeat([-1.0, 1.0], 15) + 0.1 * rng.normal(size=30)
    left, right = tally(rng, 30, 50, own=own), tally(rng, 30, 50, 0.2, own=own)
    assert compare(compare_within, left, right).verdict() == OUTSIDE
    apart = compare(compare_apart, left, right)
    assert apart.correlation > 0.2 and apart.verdict() != OUTSIDE


def test_correlated_blocks_leave_a_difference_unknown():
    rng = np.random.default_rng(5)
    slow = np.repeat([0.0, 1.5, -1.0, 0.5], 4)
    left, right = tally(rng, 16, 50, own=slow), tally(rng, 16, 50, own=slow + 3)
    found = compare(compare_apart, left, right)
    assert found.p_value < 0.05 and found.verdict() == UNKNOWN


def test_few_blocks_tell_nothing():
    rng = np.random.default_rng(6)
    assert compare(compare_apart, tally(rng, 4, 50, 1.0), tally(rng, 30, 50)).verdict() == UNKNOWN
    none = Tally(np.zeros((3, 20)), np.zeros(3))
    for how in (compare_within, compare_apart):
        empty = compare(how, none, tally(rng, 3, 5))
        assert np.isnan(empty.value) and empty.verdict() == UNKNOWN


def test_many_comparisons_are_corrected():
    """Of forty with one of p = 0.02 none is outside; a clear one still is."""
    rng = np.random.default_rng(8)
    some = [compare(compare_apart, tally(rng, 20, 20), tally(rng, 20, 20)) for _ in range(39)]
    clear = compare(compare_apart, tally(rng, 20, 200, 0.6), tally(rng, 20, 200))
    assert min(each.p_value for each in some) < 0.05
    found = verdicts([*some, clear])
    assert found == [WITHIN] * 39 + [OUTSIDE]
