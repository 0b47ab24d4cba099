"""Files of MD17 and rMD17: what is read from them, what is refused, and windows without overlap."""

import dataclasses
import json

import networkx as nx
import numpy as np
import pytest
import torch
from vibrations import atomic_numbers, vibrating, write_md17, write_rmd17

from openmm_stegmn.data import (
    MD17_MOLECULES,
    TrajectoryFileError,
    find_md17,
    frames_needed,
    guess_bonds,
    md17_elements,
    md17_name,
    md17_structure,
    read_md17,
    split_windows,
)
from openmm_stegmn.models import ModelSpec

# bonds = atoms - 1 + rings
BONDS = {
    "aspirin": 21, "benzene": 12, "ethanol": 8, "malonaldehyde": 8, "naphthalene": 19,
    "salicylic-acid": 16, "toluene": 15, "uracil": 12,
}  # fmt: skip
VALENCE = {"H": {1}, "O": {1, 2}, "N": {3}, "C": {3, 4}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ethanol.npz"


def test_md17(path):
    frames = write_md17(path, "ethanol", 300)
    trajectory = read_md17(path, "ethanol")
    assert trajectory.label == "MD17"
    assert trajectory.elements == tuple("CCOHHHHHH")
    assert trajectory.frames.dtype == torch.float32
    np.testing.assert_allclose(trajectory.frames, frames, atol=1e-6)
    assert trajectory.present.all()
    assert trajectory.masses[2:4] == pytest.approx((15.999, 1.008), abs=1e-3)
    assert (trajectory.time_step, trajectory.temperature) == (0.5, 500.0)
    assert len(trajectory.sha256) == 64


def test_rmd17_is_put_in_time_order(path):
    frames = write_rmd17(path, "ethanol", n_frames=400, kept=250)
    trajectory = read_md17(path, "ethanol")
    assert trajectory.label == "rMD17"
    assert int(trajectory.present.sum()) == 250
    kept = trajectory.present.numpy()
    np.testing.assert_allclose(trajectory.frames[kept], frames[: len(kept)][kept], atol=1e-6)
    assert trajectory.frames[~kept].isnan().all()


def test_own_files_are_never_called_md17(path):
    metadata = {"method": "GFN2-xTB", "time_step": 0.25, "temperature": 400.0}
    write_md17(path, "ethanol", 300, metadata=json.dumps(metadata))
    trajectory = read_md17(path, "ethanol")
    assert trajectory.label == "GFN2-xTB"
    assert (trajectory.time_step, trajectory.temperature) == (0.25, 400.0)


@pytest.mark.parametrize("molecule", MD17_MOLECULES)
def test_bonds_are_those_of_the_molecule(molecule):
    elements = md17_elements(molecule)
    frames = torch.tensor(vibrating(molecule, 50), dtype=torch.float32)
    bonds = guess_bonds(elements, frames)
    assert len(bonds) == BONDS[molecule]
    degrees = nx.Graph(bonds).degree
    assert all(degrees[i] in VALENCE[element] for i, element in enumerate(elements))


def test_one_stretched_frame_makes_no_difference():
    frames = torch.tensor(vibrating("ethanol", 20), dtype=torch.float32)
    expected = guess_bonds(md17_elements("ethanol"), frames)
    frames[0, 3] += 5
    assert guess_bonds(md17_elements("ethanol"), frames) == expected


def test_spec_with_and_without_hydrogens(path):
    write_md17(path, "ethanol", 300)
    trajectory = read_md17(path, "ethanol")
    common = {"architecture": "persistence", "history": 10, "frame_interval": 0.005}
    spec = ModelSpec(**common, **trajectory.describe())
    assert spec.atom_names[:5] == ("C1", "C2", "O1", "H1", "H2")
    assert set(spec.residue_names) == {"ethanol"}
    assert spec.temperature == 500
    assert (2, 8) in spec.bonds and not spec.constraints
    heavy = trajectory.heavy_atoms()
    spec = ModelSpec(**common, **heavy.describe())
    assert spec.atom_names == ("C1", "C2", "O1")
    assert spec.bonds == ((0, 1), (1, 2))
    assert torch.equal(heavy.frames, trajectory.frames[:, :3])


def test_heavy_atoms_that_do_not_come_first(path):
    order = [3, 2, 4, 0, 1, 5, 6, 7, 8]
    write_md17(
        path, "ethanol", 300,
        R=vibrating("ethanol", 300)[:, order], z=atomic_numbers("ethanol")[order],
    )  # fmt: skip
    trajectory = read_md17(path, "ethanol")
    heavy = trajectory.heavy_atoms()
    assert heavy.elements == ("O", "C", "C")
    assert heavy.bonds == ((0, 2), (1, 2))
    assert torch.equal(heavy.frames, trajectory.frames[:, [1, 3, 4]])


@pytest.mark.parametrize(
    "name, molecule",
    [
        ("ethanol.npz", "ethanol"), ("md17_ethanol.npz", "ethanol"), ("ethanol_dft.npz", "ethanol"),
        ("rmd17_salicylic.npz", "salicylic-acid"), ("md17_benzene2017.npz", "benzene"),
        ("benzene_old_dft.npz", "benzene"),
    ],
)  # fmt: skip
def test_names_of_files(tmp_path, name, molecule):
    assert find_md17(tmp_path, molecule) is None
    (tmp_path / name).touch()
    assert find_md17(tmp_path, molecule) == tmp_path / name


def test_two_files_for_a_molecule(tmp_path):
    for name in ("ethanol.npz", "rmd17_ethanol.npz", "md17_benzene2018.npz"):
        (tmp_path / name).touch()
    with pytest.raises(TrajectoryFileError, match="ethanol.npz, rmd17_ethanol.npz"):
        find_md17(tmp_path, "ethanol")
    assert find_md17(tmp_path, "benzene") is None


def test_names_of_molecules():
    assert md17_name("Salicylic acid") == md17_name("salicylic") == "salicylic-acid"
    assert all(md17_name(molecule) == molecule for molecule in MD17_MOLECULES)
    assert all(md17_structure(molecule).is_file() for molecule in MD17_MOLECULES)
    with pytest.raises(ValueError, match="no molecule named 'water'; there are: aspirin"):
        md17_name("water")


NAN = vibrating("ethanol", 300)
NAN[7, 2, 1] = np.nan


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"z": None}, "lacks z"),
        ({"R": None}, "lacks R"),
        ({"R": np.zeros((300, 8, 3))}, r"shape \(300, 8, 3\); expected \(frames, 9, 3\)"),
        ({"R": np.zeros((9, 3))}, r"shape \(9, 3\)"),
        ({"R": np.zeros((0, 9, 3))}, r"shape \(0, 9, 3\)"),
        ({"R": np.zeros((300, 9, 3), int)}, "int64"),
        ({"R": NAN}, "frame 7 is not finite"),
        ({"R": 10 * vibrating("ethanol", 300)}, "in Å"),
        ({"z": np.array([6, 6, 6, 1, 1, 1, 1, 1, 1])}, "holds C3H6; ethanol is C2H6O"),
        ({"z": np.array([6, 6, 999, 1, 1, 1, 1, 1, 1])}, "atomic numbers"),
        ({"z": np.array(["C"] * 9)}, "atomic numbers"),
        ({"metadata": "{"}, "metadata"),
        ({"metadata": json.dumps({"method": "PBE"})}, "PBE"),
    ],
)
def test_refused(path, changes, found):
    write_md17(path, "ethanol", 300, **changes)
    with pytest.raises(TrajectoryFileError, match=found) as caught:
        read_md17(path, "ethanol")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"old_indices": None}, "lacks old_indices"),
        ({"nuclear_charges": None}, "lacks nuclear_charges"),
        ({"old_indices": np.arange(99)}, "expected 100 integers"),
        ({"old_indices": np.arange(100.0)}, "float64"),
        ({"old_indices": np.arange(100) // 2}, "not distinct"),
        ({"old_indices": np.arange(100) - 1}, "not distinct"),
        ({"old_indices": np.arange(100) + 10**9}, "not distinct"),
    ],
)
def test_rmd17_refused(path, changes, found):
    write_rmd17(path, "ethanol", n_frames=300, kept=100, **changes)
    with pytest.raises(TrajectoryFileError, match=found):
        read_md17(path, "ethanol")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut short"])
def test_unreadable(path, content):
    path.write_bytes(content)
    with pytest.raises(TrajectoryFileError, match="cannot be read"):
        read_md17(path, "ethanol")


def test_truncated(path):
    write_md17(path, "ethanol", 300)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(TrajectoryFileError, match="cannot be read"):
        read_md17(path, "ethanol")


@pytest.fixture(scope="module")
def trajectory(tmp_path_factory):
    path = tmp_path_factory.mktemp("md17") / "ethanol.npz"
    write_md17(path, "ethanol", 60 * 120 + 7)
    return read_md17(path, "ethanol")


def frames_of(windows):
    steps = torch.arange(windows.history + 1) * windows.stride
    return windows.starts[:, None] + steps


def test_sets_share_no_frame_and_no_block(trajectory):
    sets = split_windows(trajectory, training=700, validation=200, test=200, seed=3)
    assert [len(sets[name]) for name in ("training", "validation", "test")] == [700, 200, 200]
    blocks = []
    for windows in sets.values():
        assert (windows.history, windows.stride) == (10, 10)
        assert len(windows.starts.unique()) == len(windows)
        frames = frames_of(windows)
        assert torch.equal(frames[:, 0] // 120, frames[:, -1] // 120)
        blocks.append(set((frames // 120).flatten().tolist()))
    assert [len(each) for each in blocks] == [36, 12, 12]
    assert sum(map(len, blocks)) == len(set.union(*blocks)) == 60


def test_targets_follow_their_windows(trajectory):
    windows = split_windows(trajectory, training=50, validation=1, test=1)["training"]
    window, target = windows.take(torch.tensor([4]))
    start = int(windows.starts[4])
    assert torch.equal(window[0], trajectory.frames[start : start + 100 : 10])
    assert torch.equal(target[0], trajectory.frames[start + 100])


def test_seed_decides_and_a_larger_training_set_contains_the_smaller(trajectory):
    def starts(training, seed):
        sets = split_windows(trajectory, training=training, validation=90, test=90, seed=seed)
        return {name: windows.starts.tolist() for name, windows in sets.items()}

    small, large, other = starts(100, 0), starts(500, 0), starts(100, 1)
    assert large["training"][:100] == small["training"]
    assert (large["validation"], large["test"]) == (small["validation"], small["test"])
    assert other["test"] != small["test"]


def test_too_short(path):
    write_md17(path, "ethanol", 60 * 100)
    with pytest.raises(ValueError, match="found 0 windows of 11 frames 10 steps apart"):
        split_windows(read_md17(path, "ethanol"), training=1, validation=1, test=1)


def test_frames_needed_are_just_enough(path):
    counts = {"training": 100, "validation": 50, "test": 20}
    needed = frames_needed(**counts)
    write_md17(path, "ethanol", needed)
    trajectory = read_md17(path, "ethanol")
    sets = split_windows(trajectory, **counts)
    assert {name: len(windows) for name, windows in sets.items()} == counts
    shorter = dataclasses.replace(
        trajectory, frames=trajectory.frames[1:], present=trajectory.present[1:]
    )
    with pytest.raises(ValueError, match="for validation, needed 50 in 12 of 60 blocks"):
        split_windows(shorter, **counts)


def test_rmd17_windows_are_those_whose_frames_are_all_there(path):
    write_rmd17(path, "ethanol", n_frames=60 * 150, kept=60 * 140)
    trajectory = read_md17(path, "ethanol")
    sets = split_windows(trajectory, training=300, validation=100, test=100)
    for windows in sets.values():
        assert trajectory.present[frames_of(windows)].all()
        assert all(part.isfinite().all() for part in windows.take(slice(None)))
    possible = sum(
        bool(trajectory.present[start : start + 101 : 10].all())
        for block in range(60)
        for start in range(150 * block, 150 * block + 50)
    )
    message = (
        rf"ethanol \(rMD17, ethanol.npz\): found \d+ windows .* needed {possible}; rMD17 holds"
    )
    with pytest.raises(ValueError, match=message) as caught:
        split_windows(trajectory, training=possible, validation=1, test=1)
    assert "8,400 of the 9,000 original frames" in str(caught.value)
    assert "--generate" in str(caught.value)
