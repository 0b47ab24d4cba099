"""Windows: which frames they hold, and that they never cross from one trajectory to the next."""

import pytest
import torch
from molecules import alkane, random_walk

from openmm_stegmn.data import WindowSet, superpose_windows


def numbered(*lengths):
    """Trajectories whose coordinates tell trajectory and frame: (number, frame, 0)."""
    trajectories = []
    for number, length in enumerate(lengths):
        frames = torch.zeros(length, 2, 3)
        frames[..., 0], frames[..., 1] = number, torch.arange(length)[:, None]
        trajectories.append(frames)
    return trajectories


@pytest.mark.parametrize(("history", "stride"), [(1, 1), (3, 1), (3, 2), (2, 5)])
def test_windows_lie_within_one_trajectory(history, stride):
    lengths = (20, 4, 13, 7)
    windows = WindowSet.from_trajectories(numbered(*lengths), history, stride)
    assert len(windows) == sum(max(0, n - history * stride) for n in lengths)
    frames, targets = windows.take(slice(None))
    assert frames.shape == (len(windows), history, 2, 3)
    assert targets.shape == (len(windows), 2, 3)
    everything = torch.cat([frames, targets[:, None]], 1)[:, :, 0]
    assert (everything[..., 0] == everything[:, :1, 0]).all()
    assert (everything[..., 1].diff(dim=1) == stride).all()
    seen = {(w[0, 0].item(), w[0, 1].item()) for w in everything}
    assert len(seen) == len(windows)


def test_take_by_number():
    windows = WindowSet.from_trajectories(numbered(10, 10), 3)
    frames, targets = windows.take(torch.tensor([6, 7, 0]))
    assert targets[:, 0, :2].tolist() == [[0, 9], [1, 3], [0, 3]]
    assert frames[1, :, 0, 1].tolist() == [0, 1, 2]


def test_subset():
    windows = WindowSet.from_trajectories(numbered(103), 3)
    assert windows.subset(1000) is windows
    even = windows.subset(10)
    assert len(even) == 10
    assert even.starts[0] == 0
    assert even.starts[-1] == 99
    drawn = windows.subset(10, torch.Generator().manual_seed(0))
    again = windows.subset(10, torch.Generator().manual_seed(0))
    assert torch.equal(drawn.starts, again.starts)
    assert len(set(drawn.starts.tolist())) == 10
    other = windows.subset(10, torch.Generator().manual_seed(1))
    assert not torch.equal(drawn.starts, other.starts)


@pytest.mark.parametrize("trajectories", [numbered(6, 5), numbered(0), []])
def test_too_short(trajectories):
    longest = max((len(t) for t in trajectories), default=0)
    message = f"window of 3 frames .* 2 frames apart, need 7 frames; the longest .* {longest}"
    with pytest.raises(ValueError, match=message):
        WindowSet.from_trajectories(trajectories, 3, 2)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_not_finite(bad):
    trajectories = numbered(10, 10)
    trajectories[1][7, 1, 2] = bad
    with pytest.raises(ValueError, match="trajectory 1 .* not finite in frame 7"):
        WindowSet.from_trajectories(trajectories, 3)


@pytest.mark.parametrize(("history", "stride"), [(0, 1), (3, 0), (-1, 1), (3, -2)])
def test_history_and_stride_are_positive(history, stride):
    with pytest.raises(ValueError, match=f"at least 1, got {history} and {stride}"):
        WindowSet.from_trajectories(numbered(10), history, stride)


def test_trajectories_of_different_molecules():
    with pytest.raises(ValueError, match="trajectory 1 .* 5 atoms.* 2"):
        WindowSet.from_trajectories([torch.zeros(10, 2, 3), torch.zeros(10, 5, 3)], 3)


def test_superpose_windows():
    """Whole-molecule motion is gone, the last frame stays where it is."""
    molecule = alkane(4)
    frames = random_walk(molecule, 5, width=0.0, rigid=1.0)
    masses = torch.tensor(molecule.masses)
    windows, targets = superpose_windows(frames[None, :4], frames[None, 4], masses)
    assert torch.allclose(windows[0, -1], frames[3], atol=1e-12)
    assert torch.allclose(windows[0], frames[3].expand(4, -1, -1), atol=1e-9)
    assert torch.allclose(targets[0], frames[3], atol=1e-9)


def test_superpose_windows_on_a_selection():
    frames = torch.randn(1, 5, 6, 3, dtype=torch.float64)
    frames[..., :3, :] = frames[:, :1, :3]
    weights = torch.tensor([1.0, 1, 1, 0, 0, 0])
    windows, targets = superpose_windows(frames[:, :4], frames[:, 4], weights)
    torch.testing.assert_close(windows, frames[:, :4], atol=1e-10, rtol=0)
    torch.testing.assert_close(targets, frames[:, 4], atol=1e-10, rtol=0)


def test_superpose_windows_with_several_frames_to_come():
    """Each as if it were the only one."""
    frames = torch.randn(2, 6, 5, 3, generator=torch.Generator().manual_seed(1)).double()
    windows, targets = superpose_windows(frames[:, :4], frames[:, 4:], torch.ones(5))
    assert targets.shape == (2, 2, 5, 3)
    for number in range(2):
        same, target = superpose_windows(frames[:, :4], frames[:, 4 + number], torch.ones(5))
        torch.testing.assert_close(windows, same)
        torch.testing.assert_close(targets[:, number], target)
