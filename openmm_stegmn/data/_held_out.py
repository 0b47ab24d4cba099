"""Trajectories in three parts: to train on, to choose weights by, to measure on."""

from ._windows import WindowSet

# Shares of validation and of test
_SHARE = 0.1
# From so many trajectories on whole ones are held out: one for each part.
_BY_TRAJECTORY = 3


def hold_out(trajectories, history: int, stride: int = 1) -> dict[str, WindowSet]:
    """Windows of three parts that have no frame in common: 80, 10 and 10 % of the frames.

    Of three trajectories or more the last are held out; of fewer, the last part of each.

    Parameters
    ----------
    trajectories : sequence of Trajectory
    history, stride : int
        See :class:`WindowSet`.

    Returns
    -------
    dict
        ``"training"``, ``"validation"`` and ``"test"``.

    Raises
    ------
    ValueError
        If a part is too short for a window and its target.
    """
    split = _by_trajectory if len(trajectories) >= _BY_TRAJECTORY else _by_time
    parts = split([trajectory.frames for trajectory in trajectories])
    lengths = {name: max(map(len, pieces)) for name, pieces in parts.items()}
    shortest, reach = min(lengths, key=lengths.get), history * stride + 1
    if lengths[shortest] < reach:
        most = max(trajectories, key=len)
        raise ValueError(
            f"the trajectories are too short: a window and what follows span {reach} frames, and "
            f"the {shortest} part has {lengths[shortest]} in one piece (the longest trajectory, "
            f"{most.source}, has {len(most)} frames, one every {most.interval:g} ps): take longer "
            f"trajectories, or a shorter history, frame interval or times"
        )
    return {
        name: WindowSet.from_trajectories(pieces, history, stride) for name, pieces in parts.items()
    }


def _by_trajectory(frames):
    held = max(1, round(_SHARE * len(frames)))
    return {
        "training": frames[: -2 * held],
        "validation": frames[-2 * held : -held],
        "test": frames[-held:],
    }


def _by_time(frames):
    parts = {"training": [], "validation": [], "test": []}
    for each in frames:
        held = round(_SHARE * len(each))
        ends = (0, len(each) - 2 * held, len(each) - held, len(each))
        for part, first, last in zip(parts.values(), ends, ends[1:], strict=False):
            part.append(each[first:last])
    return parts
