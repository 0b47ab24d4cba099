"""Intervals from time stamps: what rounding may do to them, and what is refused."""

import numpy as np
import pytest

from openmm_stegmn.data import _time_stamps


def interval_of(times, source):
    stamps = _time_stamps.TimeStamps(source)
    for time in times:
        stamps.add(float(time))
    return stamps.interval()[0]


@pytest.mark.parametrize("interval", [0.002, 0.1, 0.3, 1.0, 2.4, 10.0, 12.346])
@pytest.mark.parametrize("start", [0.0, 137.2, 50_000.0])
def test_single_precision_is_seen_through(interval, start):
    times = (start + interval * np.arange(1000)).astype(np.float32)
    found = interval_of(times, "file")
    if start < 1000:
        assert found == interval
    assert found == pytest.approx(interval, rel=1e-3)


def test_units_that_are_no_multiple_of_a_picosecond():
    akma = 0.04888821  # ps, as CHARMM and NAMD have it; DCD files hold a number of them
    times = np.arange(100) * float(np.float32(1 / akma)) * akma
    assert times[1] != 1.0 and interval_of(times, "file") == 1.0


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ([0, 1, 2, 4, 5, 6], "file: frame 3 is at 4 ps, 2 ps after .* where 1 ps are usual"),
        ([0, 1, 2, 2, 3, 4], "frame 3 is at 2 ps, 0 ps after"),
        ([0, 1, 2, 1, 2, 3], "frame 3 is at 1 ps, -1 ps after"),
        ([0, 1, 2, 3, 4.01, 5], "frame 4 is at 4.01 ps"),
        ([5, 4, 3, 2], "frame 1 is at 4 ps, -1 ps after"),
        ([3, 3, 3], "frame 1 is at 3 ps, 0 ps after"),
        ([0, 1, float("nan"), 3, 4], "frame 2 is at nan ps"),
        ([0], "file has 1 frame:"),
        ([], "file has 0 frames:"),
    ],
)
def test_refused(times, found):
    with pytest.raises(ValueError, match=found):
        interval_of(times, "file")


@pytest.mark.parametrize("count", [7, 8, 9, 20])
def test_looked_at_a_block_at_a_time(monkeypatch, count):
    monkeypatch.setattr(_time_stamps, "_BLOCK", 4)
    assert interval_of(0.3 * np.arange(count), "file") == 0.3
    for late in range(1, count):
        times = np.arange(count) + 0.5 * (np.arange(count) >= late)
        if late > 3:  # what is usual is learned from the first block
            with pytest.raises(ValueError, match=f"frame {late} is at {times[late]:g} ps, 1.5 ps"):
                interval_of(times, "file")
