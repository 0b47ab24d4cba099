"""Where legs begin and end."""

import numpy as np
import pytest
from synthetic import chain, hybrid_frames

from openmm_stegmn.analysis import HybridFrames, PhysicalLegs, leg_autocorrelation


def legs(origin, time=None, **options):
    origin = np.array(origin)
    time = np.arange(len(origin), dtype=float) if time is None else np.array(time, float)
    frames = HybridFrames.from_arrays(time, origin)
    return PhysicalLegs(chain(np.zeros(len(origin))), frames, **options)


def ranges(*arguments, **options):
    return legs(*arguments, **options).ranges.tolist()


def test_a_jump_ends_a_leg():
    origin = [0, 0, 0, 1, 0, 0, 1, 0]
    assert ranges(origin) == [[0, 3], [4, 6], [7, 8]]
    assert ranges(origin, with_jump=True) == [[0, 3], [3, 6], [6, 8]]
    assert ranges(origin, shortest=2) == [[0, 3], [4, 6]]


def test_rows_of_jumps():
    origin = [0, 0, 1, 1, 0, 0]
    assert ranges(origin) == [[0, 2], [4, 6]]
    assert ranges(origin, with_jump=True) == [[0, 2], [2, 3], [3, 6]]


def test_a_rejection_ends_a_leg_and_its_frame_begins_the_next():
    """A pair of frames about a rejected jump is seen only because the jump was rejected."""
    origin = [0, 0, 0, 2, 0, 1, 2, 0]
    assert ranges(origin) == [[0, 3], [2, 5], [6, 8]]
    assert ranges(origin, through_rejections=True) == [[0, 5], [6, 8]]
    # a jump that was kept, and the next one in the row was not
    assert ranges(origin, with_jump=True) == [[0, 3], [2, 5], [5, 6], [5, 8]]


def test_irregular_times_and_replicas_begin_a_leg():
    time = [0, 1, 2, 5, 6, 7, 0, 1, 2]
    made = legs([0] * 9, time)
    assert made.ranges.tolist() == [[0, 3], [3, 6], [6, 9]]
    assert made.interval == 1.0 and made.frames.n_irregular == 1
    assert [leg.replica for leg in made] == [0, 0, 1]


def test_a_plain_trajectory_is_one_leg():
    assert ranges([0] * 5) == [[0, 5]]


def test_a_leg_is_a_trajectory():
    angles = np.linspace(-1, 1, 8)
    universe = chain(angles)
    frames = HybridFrames.from_arrays(np.arange(8.0), [0, 0, 0, 1, 0, 0, 0, 0])
    leg = PhysicalLegs(universe, frames)[1]
    assert list(leg.frames) == [4, 5, 6, 7] and len(leg) == 4
    seen = [universe.atoms.dihedral.value() for ts in leg]
    np.testing.assert_allclose(np.deg2rad(seen), angles[4:], atol=1e-4)
    assert [ts.frame for ts in leg.trajectory] == [4, 5, 6, 7]


def test_wrong_number_of_frames_is_refused():
    frames = HybridFrames.from_arrays(np.arange(3.0), [0, 0, 0])
    with pytest.raises(ValueError, match="3 frames.*there are 5"):
        PhysicalLegs(chain(np.zeros(5)), frames)


def test_autocorrelation_of_legs():
    """Of a known process; jumps that mix it up are not in it unless asked for."""
    rng = np.random.default_rng(0)
    frames = hybrid_frames(600, 10)
    memory, values = 0.8, np.zeros(len(frames))
    for n, jumped in enumerate(frames.jumped):
        start = rng.normal() / np.sqrt(1 - memory**2)
        values[n] = start if jumped else memory * values[n - 1] + rng.normal()
    made = PhysicalLegs(chain(np.zeros(len(frames))), frames, with_jump=True)
    times, correlation, pairs = leg_autocorrelation(values, made, 5)
    np.testing.assert_allclose(correlation, memory ** np.arange(6), atol=0.05)
    assert times.tolist() == [0, 1, 2, 3, 4, 5] and pairs[5] == 600 * 6
    with pytest.raises(ValueError, match="at most 11 frames .*needs one of 21.*across_jumps"):
        leg_autocorrelation(values, made, 20)
    _, across, _ = leg_autocorrelation(values, made, 20, across_jumps=True)
    assert across[5] < correlation[5] - 0.05 and abs(across[20]) < 0.05
    with pytest.raises(ValueError, match="There are 3 values"):
        leg_autocorrelation(values[:3], made, 1)
