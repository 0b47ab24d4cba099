"""Held-out parts: which frames they are of, and that no frame is in two."""

import pytest
import torch

from openmm_stegmn.data import Trajectory, hold_out


def numbered(*lengths):
    """Trajectories whose coordinates tell trajectory and frame."""
    trajectories = []
    for number, length in enumerate(lengths):
        frames = torch.zeros(length, 1, 3)
        frames[..., 0], frames[..., 1] = number, torch.arange(length)[:, None]
        trajectories.append(Trajectory(frames, 0.5, f"{number}.xtc"))
    return trajectories


def seen(windows):
    """All (trajectory, frame) that windows and their targets hold."""
    frames = torch.cat([part.reshape(-1, 3) for part in windows.take(slice(None))])
    return {(int(x), int(y)) for x, y, _ in frames.tolist()}


@pytest.mark.parametrize("lengths", [(100,), (100, 200), (50, 50, 50), (20,) * 10, (9,) * 30])
def test_no_frame_is_in_two_parts(lengths):
    parts = {name: seen(part) for name, part in hold_out(numbered(*lengths), 3, 2).items()}
    assert list(parts) == ["training", "validation", "test"]
    assert sum(map(len, parts.values())) == len(set.union(*parts.values())) == sum(lengths)


def test_of_few_trajectories_the_last_part_is_held_out():
    parts = hold_out(numbered(100, 50), 3)
    assert {name: len(part) for name, part in parts.items()} == {
        "training": 77 + 37, "validation": 7 + 2, "test": 7 + 2,
    }  # fmt: skip
    assert seen(parts["test"]) == {(0, i) for i in range(90, 100)} | {(1, i) for i in range(45, 50)}


@pytest.mark.parametrize(
    ("count", "training", "validation"), [(3, {0}, {1}), (10, set(range(8)), {8})]
)
def test_of_several_trajectories_the_last_are_held_out(count, training, validation):
    parts = hold_out(numbered(*[20] * count), 3)
    which = {name: {trajectory for trajectory, _ in seen(part)} for name, part in parts.items()}
    assert which == {"training": training, "validation": validation, "test": {count - 1}}


def test_too_short():
    found = "what follows span 11 frames, and the validation part has 10 in one piece .*1.xtc"
    with pytest.raises(ValueError, match=found):
        hold_out(numbered(50, 100), 5, 2)
    with pytest.raises(ValueError, match="test part has 10"):
        hold_out(numbered(50, 50, 10), 5, 2)
