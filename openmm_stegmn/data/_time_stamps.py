"""The interval between frames, from the times that a file states."""

import numpy as np

# Intervals that differ by less, relative to one, are the same: formats round the times of frames.
_SAME = 1e-3
# What units and single precision change in an interval that a format states.
_ROUNDING = 1e-6


def interval_of(times, source: str) -> float:
    """Time between evenly spaced frames.

    Files hold times in single precision, and some in units that are no multiple of a ps: the
    interval is the shortest decimal number that they agree with.

    Parameters
    ----------
    times : array-like, ``(n_frames,)``
        ps.
    source : str
        Named in errors.

    Returns
    -------
    float
        ps.

    Raises
    ------
    ValueError
        If there are fewer than two frames, or they are not evenly spaced: the error names the first
        that is not.
    """
    times = np.asarray(times, dtype=np.float64)
    if len(times) < 2:
        raise ValueError(
            f"{source} has {len(times)} frame{'s' * (len(times) != 1)}: a trajectory of two frames "
            f"or more is needed"
        )
    resolution = 2 * float(np.spacing(np.float32(np.abs(times).max())))
    steps = np.diff(times)
    usual = float(np.nanmedian(steps))
    odd = ~(np.abs(steps - usual) <= max(_SAME * abs(usual), resolution))
    if odd.any() or not usual > 0:
        frame = int(np.argmax(odd if odd.any() else steps <= 0)) + 1
        raise ValueError(
            f"{source}: frame {frame} is at {times[frame]:g} ps, {steps[frame - 1]:g} ps after the "
            f"frame before it, where {usual:g} ps are usual; frames must be evenly spaced in time: "
            f"leave out frames that were written twice, and give pieces with a gap between them as "
            f"files of their own"
        )
    span = float(times[-1] - times[0])
    return _shortest(span / len(steps), max(_ROUNDING * span, resolution) / len(steps))


def _shortest(value, tolerance):
    for digits in range(1, 17):
        rounded = float(f"{value:.{digits}g}")
        if abs(rounded - value) <= tolerance:
            return rounded
    return value
