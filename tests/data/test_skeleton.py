"""Skeletons and motions: joints where they are known to be."""

import numpy as np
import pytest
from skeleton_files import posed, write_amc, write_asf

from openmm_stegmn.data import MotionFileError, read_amc, read_asf


@pytest.fixture
def places(tmp_path):
    """Where joints are in one frame, by name."""

    def find(angle="deg", axis="90", **pose):
        skeleton = read_asf(write_asf(tmp_path / "a.asf", angle, axis))
        motion = read_amc(write_amc(tmp_path / "a.amc", posed(**pose)), skeleton)
        return dict(zip(skeleton.names, skeleton.positions(motion)[0], strict=True))

    return find


def test_joints_follow_the_hierarchy(tmp_path):
    skeleton = read_asf(write_asf(tmp_path / "a.asf"))
    assert skeleton.names == ("root", "stiff", "upper", "lower")
    assert skeleton.parents == (-1, 0, 0, 2)
    assert skeleton.edges == ((1, 0), (2, 0), (3, 2))


def test_unturned(places):
    found = places(root="1 2 3 0 0 0")
    assert found["root"] == pytest.approx([1, 2, 3])
    assert found["stiff"] == pytest.approx([1, 6, 3])
    assert found["upper"] == pytest.approx([3, 2, 3])
    assert found["lower"] == pytest.approx([4, 2, 3])


def test_the_root_turns_all(places):
    found = places(root="1 2 3 0 0 90")
    assert found["stiff"] == pytest.approx([-3, 2, 3])
    assert found["upper"] == pytest.approx([1, 4, 3])
    assert found["lower"] == pytest.approx([1, 5, 3])


def test_a_child_turns_with_its_parent(places):
    found = places(upper="0 0 90", lower="0 90")
    assert found["upper"] == pytest.approx([0, 2, 0])
    assert found["lower"] == pytest.approx([-1, 2, 0])


def test_turns_are_about_fixed_axes_x_first(places):
    # x is not moved by the turn about x; then about y it goes to -z; then about z it stays
    assert places(upper="90 90 90")["upper"] == pytest.approx([0, 0, -2])
    # the other way round it would be z first: y, about y y, about x z
    assert places(root="0 0 0 90 0 90")["stiff"] == pytest.approx([0, 0, 4])


def test_angles_are_in_the_bones_own_axes(places):
    # its x axis is the y axis of the world
    assert places(lower="90 0")["lower"] == pytest.approx([2, 0, -1])
    assert places(axis="0", lower="90 0")["lower"] == pytest.approx([3, 0, 0])


def test_radians(places):
    half = str(np.pi / 2)
    found = places(angle="rad", axis="0", upper=f"0 0 {half}")
    assert found["upper"] == pytest.approx([0, 2, 0])


def test_frames_are_apart(tmp_path):
    skeleton = read_asf(write_asf(tmp_path / "a.asf"))
    frames = [posed(), posed(root="5 0 0 0 0 0"), posed(upper="0 90 0")]
    places = skeleton.positions(read_amc(write_amc(tmp_path / "a.amc", *frames), skeleton))
    assert places.shape == (3, 4, 3)
    assert places[1] - places[0] == pytest.approx(np.tile([5, 0, 0], (4, 1)))
    assert places[2, 2] == pytest.approx([0, 0, -2])
    lengths = np.linalg.norm(places[:, 3] - places[:, 2], axis=-1)
    assert lengths == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(
    "old, new, found",
    [
        (":hierarchy", ":tree", "no section :hierarchy"),
        ("dof rx rz", "dof rx tz", "lower has the degree of freedom 'tz'"),
        ("order TX TY TZ RX RY RZ", "order TX TY RX RY RZ", "root has the channels tx ty rx"),
        ("length 2", "length two", "cannot be read as a skeleton"),
        ("upper lower", "upper", "lower hangs from nothing"),
        ("upper lower", "upper lower hand", "the hierarchy has hand"),
    ],
)
def test_bad_skeletons(tmp_path, old, new, found):
    path = write_asf(tmp_path / "bad.asf", replace={old: new})
    with pytest.raises(MotionFileError, match=f"bad.asf.*{found}"):
        read_asf(path)


@pytest.mark.parametrize(
    "frames, found",
    [
        ([], "has no frames"),
        ([posed(), posed(lower="0 0 0")], "frame 2: 'lower' with 3 values.*expects 2"),
        ([posed() | {"hand": "1"}], "frame 1: 'hand' with 1 values.*no such joint"),
        ([posed(upper="0 x 0")], "frame 1, upper"),
        ([posed(), {"root": "0 0 0 0 0 0"}], "not the same joints"),
        ([{"upper": "0 0 0"}], "where the root is"),
    ],
)
def test_bad_motions(tmp_path, frames, found):
    skeleton = read_asf(write_asf(tmp_path / "a.asf"))
    with pytest.raises(MotionFileError, match=f"bad.amc.*{found}"):
        read_amc(write_amc(tmp_path / "bad.amc", *frames), skeleton)


def test_no_file(tmp_path):
    with pytest.raises(MotionFileError, match="none.asf cannot be read"):
        read_asf(tmp_path / "none.asf")
