"""Trials of motion capture: read as they are, dealt whole, and refused where they do not fit."""

import numpy as np
import pytest
from motion_arrays import walking, write_motion
from skeleton_files import posed, write_amc, write_asf

from openmm_stegmn.data import MotionFileError, read_motion


def test_arrays(tmp_path):
    found = read_motion(write_motion(tmp_path / "m.npz"))
    assert len(found.trials) == 6 and found.n_joints == 4
    assert np.array_equal(found.trials[2], walking(90, 2))
    assert found.edges == ((1, 0), (2, 1), (3, 2))
    assert {part: len(rows) for part, rows in found.starts.items()} == {
        "training": 150, "validation": 100, "test": 50,
    }  # fmt: skip


def test_trials_are_in_the_order_of_their_numbers(tmp_path):
    found = read_motion(write_motion(tmp_path / "m.npz", trials=102, frames=40, drawn=1))
    for trial in (2, 11, 100, 101):
        assert np.array_equal(found.trials[trial], walking(40, trial)), trial


def test_windows_are_the_first_of_each_trial(tmp_path):
    found = read_motion(write_motion(tmp_path / "m.npz"))
    starts = found.first_starts("training", 100)
    trials, counts = np.unique(starts[:, 0], return_counts=True)
    assert trials.tolist() == [0, 1, 2] and counts.tolist() == [33, 33, 33]
    assert np.array_equal(starts[33:66], found.starts["training"][50:83])
    assert len(found.first_starts("validation", 1_000)) == 100
    with pytest.raises(ValueError, match="2 windows for training, which has 3 trials"):
        found.first_starts("training", 2)


@pytest.fixture
def subject(tmp_path):
    """A folder with a skeleton and eight trials."""
    write_asf(tmp_path / "07.asf")
    for trial in range(8):
        frames = [posed(root=f"{trial} {frame} 0 0 0 0") for frame in range(40 + trial)]
        write_amc(tmp_path / f"07_{trial:02d}.amc", *frames)
    return tmp_path


def test_a_folder(subject):
    found = read_motion(subject)
    assert [len(trial) for trial in found.trials] == list(range(40, 48))
    # root, and the joint that hangs 4 above it
    assert found.trials[3][5, 0] == pytest.approx([3, 5, 0])
    assert found.trials[3][5, 1] == pytest.approx([3, 9, 0])
    trials = {part: set(rows[:, 0].tolist()) for part, rows in found.starts.items()}
    assert [len(each) for each in trials.values()] == [4, 2, 2]
    assert set.union(*trials.values()) == set(range(8))
    for rows in found.starts.values():
        for trial, start in rows:
            assert start + 31 < len(found.trials[trial])
            assert ((rows == [trial, start]).all(1)).sum() == 1
    again = read_motion(subject)
    assert np.array_equal(found.starts["test"], again.starts["test"])


def test_a_folder_that_lacks_files(subject):
    for path in subject.glob("*.amc"):
        if path.stem > "07_01":
            path.unlink()
    with pytest.raises(MotionFileError, match=r"1 skeletons \(.asf\) and 2 trials \(.amc\)"):
        read_motion(subject)


def test_a_trial_that_is_too_short(subject):
    write_amc(subject / "07_03.amc", *[posed()] * 31)
    with pytest.raises(MotionFileError, match="07_03.amc has 31 frames; 32 are needed"):
        read_motion(subject)


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"edges": None}, "edges"),
        ({"split_test": None}, "split_test"),
        ({"trial_01": np.zeros((90, 5, 3))}, r"trial_01 has the shape \(90, 5, 3\)"),
        ({"trial_01": np.full((90, 4, 3), np.nan)}, "trial_01 has a coordinate"),
        ({"trial_last": np.zeros((90, 4, 3))}, "cannot be read.*'last'"),
        ({"edges": np.array([[4, 0]])}, "joints beyond the 4"),
        ({"split_test": np.array([[6, 0]])}, "trials beyond 5"),
        ({"split_test": np.array([[5, 59]])}, "frame 59 of trial 5, which has 90 frames; 32"),
        ({"split_train": np.zeros((0, 2), int)}, "split_train is no list"),
    ],
)
def test_bad_arrays(tmp_path, changes, found):
    path = write_motion(tmp_path / "bad.npz", **changes)
    with pytest.raises(MotionFileError, match=f"bad.npz.*{found}"):
        read_motion(path)


def test_the_last_start_that_fits(tmp_path):
    path = write_motion(tmp_path / "m.npz", split_test=np.array([[5, 58]]))
    assert read_motion(path).starts["test"].tolist() == [[5, 58]]


def test_damaged(tmp_path):
    (tmp_path / "m.npz").write_bytes(b"PK damaged")
    with pytest.raises(MotionFileError, match="cannot be read"):
        read_motion(tmp_path / "m.npz")
    with pytest.raises(MotionFileError, match="none.npz"):
        read_motion(tmp_path / "none.npz")
