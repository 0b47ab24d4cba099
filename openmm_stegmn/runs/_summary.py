"""The figures of a run, as written to ``summary.json`` and printed in the terminal."""

from __future__ import annotations

import math

from ._prepare import PreparedRun


def summarize(run: PreparedRun, *, wall_before: dict, completed: bool) -> dict:
    """All figures of a run so far, ready for JSON.

    Parameters
    ----------
    run : PreparedRun
    wall_before : dict
        The summary at the last restart, empty for a new run: wall times add to those in it.
    completed : bool
        Whether the length asked for is reached.
    """
    propagator = run.propagator
    statistics = propagator.statistics
    legs = wall_before.get("wall_seconds_legs", 0.0) + propagator.wall_seconds_legs
    jumps = wall_before.get("wall_seconds_jumps", 0.0) + propagator.wall_seconds_jumps
    total = statistics.physical_time + statistics.jumped_time
    return {
        "completed": completed,
        "length_ps": run.settings.length,
        "total_time_ps": total,
        "physical_time_ps": statistics.physical_time,
        "jumped_time_ps": statistics.jumped_time,
        "jump_kind": propagator.jump_kind,
        "jumps": {name: _finite(value) for name, value in statistics.as_dict().items()},
        "wall_seconds_legs": legs,
        "wall_seconds_jumps": jumps,
        "ns_per_day": _ns_per_day(total, legs + jumps),
        "ns_per_day_physical": _ns_per_day(statistics.physical_time, legs),
        "frame_interval_ps": propagator.frame_interval,
        "temperature_K": run.settings.temperature,
        "platform": run.platform,
        "backend": propagator.backend,
        "model": run.settings.model,
        "seed": run.settings.seed,
    }


def _ns_per_day(picoseconds: float, seconds: float) -> float | None:
    return picoseconds / 1000 * 86400 / seconds if seconds > 0 else None


def _finite(value):
    """JSON has no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
