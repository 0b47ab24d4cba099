"""The interval between frames, from the times that a file states."""

import numpy as np

# Intervals that differ by less, relative to one, are the same: formats round the times of frames.
_SAME = 1e-3
# What units and single precision change in an interval that a format states.
_ROUNDING = 1e-6
# Times that are looked at at a time: those of all frames would take memory.
_BLOCK = 100_000


class TimeStamps:
    """Times of frames, one after the other, which must be evenly spaced.

    Files hold times in single precision, and some in units that are no multiple of a ps: the
    interval is the shortest decimal number that they agree with.

    Parameters
    ----------
    source : str
        Named in errors.
    """

    def __init__(self, source: str):
        self.source = source
        self._block, self._checked = [], 0
        self._first = self._last = self._usual = None
        self._resolution = 0.0

    def add(self, time: float) -> None:
        """Take the time of the next frame, ps.

        Raises
        ------
        ValueError
            If frames are not evenly spaced, naming the first that is not. It may come later: times
            are looked at a block at a time.
        """
        self._block.append(time)
        if len(self._block) == _BLOCK:
            self._check()

    def interval(self) -> tuple[float, float]:
        """Time between frames, and how far it may be off, ps.

        Raises
        ------
        ValueError
            See :meth:`add`; or if there are fewer than two frames.
        """
        count = self._checked + len(self._block)
        if count < 2:
            raise ValueError(
                f"{self.source} has {count} frame{'s' * (count != 1)}: a trajectory of two frames "
                f"or more is needed"
            )
        self._check()
        span, steps = self._last - self._first, count - 1
        tolerance = max(_ROUNDING * span, self._resolution) / steps
        # As far again by being made short
        return _shortest(span / steps, tolerance), 2 * tolerance

    def _check(self):
        before = [] if self._last is None else [self._last]
        times = np.array(before + self._block)
        if len(times) == len(before):
            return
        largest = float(np.spacing(np.float32(np.nanmax(np.abs(times)))))
        self._resolution = max(self._resolution, 2 * largest)
        steps = np.diff(times)
        if self._usual is None:
            self._first, self._usual = float(times[0]), float(np.nanmedian(steps))
        usual = self._usual
        odd = ~(np.abs(steps - usual) <= max(_SAME * abs(usual), self._resolution))
        if odd.any() or not usual > 0:
            step = int(np.argmax(odd if odd.any() else steps <= 0))
            frame = self._checked + step + 1 - len(before)
            raise ValueError(
                f"{self.source}: frame {frame} is at {times[step + 1]:g} ps, {steps[step]:g} ps "
                f"after the frame before it, where {usual:g} ps are usual; frames must be evenly "
                f"spaced in time: leave out frames that were written twice, and give pieces with a "
                f"gap between them as files of their own"
            )
        self._last = float(times[-1])
        self._checked += len(self._block)
        self._block = []


def _shortest(value, tolerance):
    for digits in range(1, 17):
        rounded = float(f"{value:.{digits}g}")
        if abs(rounded - value) <= tolerance:
            return rounded
    return value
