"""Times that a density is trained for, and draws for, in frame intervals."""

import math

import torch
from torch import Tensor


def log_lag(lag: int | None) -> Tensor:
    """What the network is told of a time in frame intervals: minus infinity for equilibrium."""
    return torch.tensor(-math.inf if lag is None else math.log(lag))


def lag_of(log_lag: Tensor) -> int | None:
    """Inverse of :func:`log_lag`."""
    return None if torch.isinf(log_lag) else round(math.exp(log_lag))


def check_lags(lags, lag, history: int) -> None:
    """Check the times of a density; None is equilibrium.

    Parameters
    ----------
    lags : sequence of int or None
        Times that it is trained for.
    lag : int or None
        Time that it draws for.
    history : int
        Frames in its window.

    Raises
    ------
    ValueError
        If there is none, one is less than a frame interval, ``lag`` is neither one of the others
        nor between them, or equilibrium is asked of a window of several frames.
    """
    if history > 1 and (lag is None or None in lags):
        raise ValueError(
            f"lags = {list(lags)} and lag = {lag} with windows of {history} frames: expected times "
            f"in frame intervals, since what follows a window follows after a time; equilibrium "
            f"(None) is for history = 1"
        )
    times = [time for time in lags if time is not None]
    known = None in lags if lag is None else times and min(times) <= lag <= max(times)
    if not lags or any(time < 1 for time in times) or not known:
        raise ValueError(
            f"lag = {lag} must be one of lags = {list(lags)} or between them, and those None or at "
            f"least 1"
        )
