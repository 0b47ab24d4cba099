"""Windows of the benchmarks of states: which frames they have, and which parts they are in."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from motion_arrays import walking, write_motion
from protein_files import write_protein
from small_states import moving_molecule

from openmm_stegmn.benchmarks import (
    ChargedSurroundings,
    JointSurroundings,
    MoleculeSource,
    MotionSource,
    NBodySource,
    ProteinSource,
    ProteinSurroundings,
    _state_molecules,
    _state_sources,
    most_neighbours,
    superposed_molecule,
)
from openmm_stegmn.benchmarks._state_sources import forget_data
from openmm_stegmn.data import ChargedParticleSettings, charged_particles, read_motion
from openmm_stegmn.training import States

QUICK = ChargedParticleSettings(steps_per_frame=1)


@pytest.fixture
def nbody(tmp_path):
    return NBodySource(tmp_path, 6, 3, 4, QUICK)


def test_steps_ahead_are_the_published_ones(nbody, tmp_path):
    assert nbody.steps_ahead(5) == (2, 4, 6, 8, 10)
    assert nbody.steps_ahead(5, "last") == (6, 7, 8, 9, 10)
    assert nbody.steps_ahead(3) == (3, 6, 10)
    assert nbody.steps_back(5, 5) == (-8, -6, -4, -2, 0)
    assert MotionSource(tmp_path).steps_ahead(5) == (6, 12, 18, 24, 30)
    assert MoleculeSource(None).steps_ahead(8) == tuple(range(375, 3001, 375))
    protein = ProteinSource(tmp_path, ())
    assert protein.steps_ahead(4) == (3, 7, 11, 15)
    assert protein.steps_ahead(4, "last") == (12, 13, 14, 15)
    assert protein.steps_ahead(1) == (15,)
    with pytest.raises(ValueError, match="11 frames: nbody looks 10 frames ahead"):
        nbody.steps_ahead(11)


def test_charged_particles(nbody):
    nbody.make()
    parts = nbody.windows(0, (-8, -4, 0), (2, 10))
    assert [len(windows) for windows in parts.values()] == [6, 3, 4]
    states, following = parts["test"].take(torch.tensor([3, 1]))
    made = charged_particles(nbody.folder, "test", 4, QUICK)
    for place, number in enumerate((3, 1)):
        assert np.array_equal(states.positions[place], made.positions[number, [22, 26, 30]])
        assert np.array_equal(states.velocities[place], made.velocities[number, [22, 26, 30]])
        assert np.array_equal(following[place], made.positions[number, [32, 40]])
    # from all frames that have states before them, of the training trajectories alone
    every = nbody.from_every_start().windows(0, (-8, -4, 0), (2, 10))
    assert [len(windows) for windows in every.values()] == [6 * 23, 3, 4]
    states, following = every["training"].take(torch.tensor([6 * 5 + 2]))
    made = charged_particles(nbody.folder, "training", 6, QUICK)
    assert np.array_equal(states.positions[0], made.positions[2, [5, 9, 13]])
    assert np.array_equal(following[0], made.positions[2, [15, 23]])
    charges = torch.tensor(made.charges[2]).float()
    products = (charges[:, None] * charges)[~torch.eye(5, dtype=torch.bool)].reshape(5, 4)
    assert torch.equal(states.graph.features[0, ..., 0], products)
    with pytest.raises(ValueError, match="4 states before frame 30 reach back 31"):
        nbody.windows(0, (-31, -20, -10, 0), (10,))


def test_surroundings_of_charged_particles():
    charges = torch.tensor([[1, 1, 1], [1, -1, -1]])
    x = torch.tensor([[[0.0, 0, 0], [3, 0, 0], [0, 4, 0]]])
    v = torch.tensor([[[0.0, 3, 4], [0, 0, 0], [1, 0, 0]]])
    features, graph = ChargedSurroundings(charges)(x, v, torch.tensor([1]))
    assert features[0, :, 0].tolist() == [5, 0, 1]
    assert graph.table.tolist() == [[[1, 2], [0, 2], [0, 1]]] and graph.present.all()
    assert graph.features[0].tolist() == [
        [[-1, 9], [-1, 16]], [[-1, 9], [1, 25]], [[-1, 16], [1, 25]],
    ]  # fmt: skip


def test_motion(tmp_path):
    source = MotionSource(write_motion(tmp_path / "m.npz"), 60, 20, 10)
    parts = source.windows(0, (0,), (6, 30))
    assert [len(windows) for windows in parts.values()] == [60, 20, 10]
    states, following = parts["validation"].take(torch.arange(20))
    with np.load(source.path) as stored:
        rows = stored["split_validation"]
    # ten of each of two trials
    for place, (trial, start) in enumerate([*rows[:10], *rows[50:60]]):
        frames = walking(90, trial)
        assert np.array_equal(states.positions[place, 0], frames[start])
        assert np.array_equal(states.velocities[place, 0], frames[start + 1] - frames[start])
        assert np.array_equal(following[place], frames[[start + 6, start + 30]])
    assert source.molecule == "m" and source.constraints == ((1, 0), (3, 2))
    with pytest.raises(ValueError, match="only one state is known"):
        source.windows(0, (-6, 0), (30,))


def test_other_splits_are_other_data(tmp_path):
    path = write_motion(tmp_path / "m.npz")
    identity = MotionSource(path, 60, 20, 10).identity
    assert identity["validation_windows"] == 20
    forget_data()
    with np.load(path) as stored:
        rows = stored["split_test"]
    write_motion(path, split_test=rows[::-1])
    other = MotionSource(path, 60, 20, 10).identity
    assert other["data_sha256"] != identity["data_sha256"]


def test_other_edges_and_other_trials_are_other_data(tmp_path, monkeypatch):
    source = MotionSource(write_motion(tmp_path / "m.npz"), 60, 20, 10)
    found, identity = read_motion(source.path), source.identity
    first, second, *others = found.trials
    for changes in (
        {"edges": found.edges[1:]},
        {"trials": (np.concatenate([first, second[:9]]), second[9:], *others)},
    ):
        monkeypatch.setattr(_state_sources, "_motion", lambda _, c=changes: replace(found, **c))
        assert source.identity["data_sha256"] != identity["data_sha256"]
    # on platforms with other integers
    starts = {part: rows.astype(np.int32) for part, rows in found.starts.items()}
    monkeypatch.setattr(_state_sources, "_motion", lambda _: replace(found, starts=starts))
    assert source.identity == identity


def test_surroundings_of_joints_tell_the_height():
    surroundings = JointSurroundings([(1, 0), (2, 1), (3, 2)], 4)
    x = torch.zeros(2, 4, 3)
    x[1, :, 1] = torch.tensor([5.0, 10, 20, 40])
    features, graph = surroundings(x, torch.ones_like(x), torch.tensor([0, 1]))
    assert features[1, :, 1].tolist() == [0.5, 1.0, 2.0, 4.0]
    assert features[0, :, 0] == pytest.approx([3**0.5] * 4)
    edges = {
        (node, int(other)): values.tolist()
        for node in range(4)
        for other, there, values in zip(
            graph.table[1, node], graph.present[1, node], graph.features[1, node], strict=True
        )
        if there
    }
    mean = (25 + 100 + 400 + 225 + 900) / 5
    assert edges[0, 1] == pytest.approx([1, 0, 25 / mean])
    assert edges[0, 2] == pytest.approx([0, 1, 225 / mean])
    assert (0, 3) not in edges and edges[3, 1] == pytest.approx([0, 1, 900 / mean])


def test_molecules_have_no_frame_in_two_parts():
    source = MoleculeSource(moving_molecule(), "s2t", 50, 60, 70)
    parts = source.windows(1, (-2625, 0), (1500, 3000))
    taken = {}
    for part, windows in parts.items():
        assert len(windows) == {"training": 50, "validation": 60, "test": 70}[part]
        assert windows.starts.min() >= 2625
        taken[part] = {
            frame
            for start in windows.starts.tolist()
            for frame in range(start - 2625, start + 3001)
        }
    assert not taken["training"] & taken["test"]
    assert not taken["training"] & taken["validation"] and not taken["validation"] & taken["test"]
    again = source.windows(1, (-2625, 0), (1500, 3000))
    other = source.windows(2, (-2625, 0), (1500, 3000))
    assert torch.equal(again["test"].starts, parts["test"].starts)
    assert not torch.equal(other["test"].starts, parts["test"].starts)
    states, _ = parts["test"].take(torch.tensor([0]))
    start, frames = parts["test"].starts[0], source.trajectory.frames
    assert torch.equal(states.velocities[0, 1], frames[start + 1] - frames[start])
    # carbon, carbon and oxygen
    assert states.features[0, :, 1] == pytest.approx([0.75, 0.75, 1])


def test_hydrogens_are_other_data():
    heavy = moving_molecule(10)
    assert MoleculeSource(heavy).identity["atoms"] == "heavy"
    assert MoleculeSource(replace(heavy, elements=("C", "H", "O"))).identity["atoms"] == "all"


def test_superposed_molecules():
    flying = moving_molecule(200, speed=0.05)
    assert flying.frames[-1].mean() - flying.frames[0].mean() > 3
    found = superposed_molecule(flying)
    assert found.label == "MD17, superposed" and found.name == flying.name
    assert (found.frames - found.frames[0]).abs().max() < 0.2
    # distances are what they were
    for frame in (0, 150):
        before, after = torch.pdist(flying.frames[frame]), torch.pdist(found.frames[frame])
        assert after == pytest.approx(before, abs=1e-5)


def test_steps_that_molecules_need():
    assert MoleculeSource.steps_needed(500) == 5 * (2000 + 3000)
    assert MoleculeSource.steps_needed(9000) == 5 * (3000 + 3000)
    just = moving_molecule(5 * 3100)
    assert MoleculeSource.steps_needed(300, 100, 100) == len(just.frames)
    MoleculeSource(just, "s2s", 300, 100, 100).windows(0, (0,), (3000,))
    with pytest.raises(ValueError, match="found 100 windows .* for test, needed 101 in 1 of 5"):
        MoleculeSource(just, "s2s", 300, 100, 101).windows(0, (0,), (3000,))


def test_molecules_that_lack_frames():
    trajectory = moving_molecule()
    trajectory.present[5] = False
    with pytest.raises(ValueError, match="MD17 lacks frames"):
        MoleculeSource(trajectory).windows(0, (0,), (3000,))


@pytest.fixture
def protein(tmp_path):
    write_protein(tmp_path, n_frames=80)
    return ProteinSource(tmp_path / "p.pqr", (tmp_path / "p.dcd",), reach=7, radius=5.0)


def test_the_published_split(monkeypatch):
    """Of 4,187 frames: 2,481, 827 and 878, of which the last have nothing 15 frames on."""

    class Published:
        frames, source = torch.zeros(4187, 1, 1), "adk"

    monkeypatch.setattr(_state_molecules, "_read", lambda *_: Published)
    parts = ProteinSource(None, ()).starts(0)
    assert {part: (s[0].item(), s[-1].item()) for part, s in parts.items()} == {
        "training": (0, 2480), "validation": (2481, 3307), "test": (3308, 4171),
    }  # fmt: skip
    assert len(ProteinSource(None, (), reach=1).starts(0)["test"]) == 878
    assert ProteinSource(None, ()).starts(9)["training"][0] == 9


def test_protein(protein):
    parts = protein.windows(0, (-2, 0), (3, 7))
    assert [len(windows) for windows in parts.values()] == [45, 16, 10]
    assert parts["training"].starts[0] == 2
    states, following = parts["test"].take(torch.tensor([9]))
    frames = parts["test"].frames
    assert torch.equal(following[0], frames[[75, 79]])
    assert torch.equal(states.positions[0], frames[[70, 72]])
    assert protein.label == "p, 10 ps" and protein.training == 47


def test_surroundings_of_proteins():
    surroundings = ProteinSurroundings(torch.tensor([-0.4, 0.1, 0.2]), 2.0, 2)
    x = torch.tensor([[[0.0, 0, 0], [1.5, 0, 0], [9, 0, 0]]])
    features, graph = surroundings(x, torch.zeros_like(x), torch.tensor([0]))
    assert features[0, :, 1] == pytest.approx([-2, 0.5, 1])
    assert graph.present.tolist() == [[[True, False], [True, False], [False, False]]]
    assert graph.table[0, 0, 0] == 1 and graph.table[0, 1, 0] == 0
    # there is one distance, and it is the mean
    assert graph.features[0, 0, 0].tolist() == pytest.approx([1, 1])


def test_most_neighbours():
    line = torch.arange(10.0)[:, None] * torch.tensor([1.0, 0, 0])
    assert most_neighbours(line[None], 2.5, room=1.0) == 5
    assert most_neighbours(line[None], 100.0) == 9


def test_most_neighbours_far_from_the_origin():
    line = torch.arange(40.0)[:, None] * torch.tensor([1.0, 0, 0])
    assert most_neighbours(line[None] + 1e4, 2.5, room=1.0) == 5


def test_a_protein_that_is_too_short(tmp_path):
    write_protein(tmp_path, n_frames=16)
    source = ProteinSource(tmp_path / "p.pqr", (tmp_path / "p.dcd",))
    with pytest.raises(ValueError, match="p.pqr, p.dcd has 16 frames: too few for validation"):
        source.starts(0)


def test_windows_look_elsewhere_and_move(nbody):
    nbody.make()
    windows = nbody.windows(0, (0,), (10,))["training"]
    _, other = windows.looking((5, 10)).take(torch.tensor([2]))
    _, following = windows.take(torch.tensor([2]))
    assert other.shape[1] == 2 and torch.equal(other[:, 1:], following)
    moved = windows.to("meta")
    assert moved.frames.device.type == "meta" and windows.frames.device.type == "cpu"
    assert windows.surroundings.charges.device.type == "cpu"
    assert isinstance(windows.take(torch.tensor([0]))[0], States)
