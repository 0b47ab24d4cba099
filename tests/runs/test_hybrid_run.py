"""A run into a folder: what it writes, how it stops, and that a restart changes nothing."""

import dataclasses
import json
import os
import signal
import threading

import h5py
import MDAnalysis
import numpy as np
import pytest

from openmm_stegmn.runs import (
    PreparedRun,
    RunFailedError,
    RunFolder,
    RunSettings,
    _engine,
    hybrid_run,
)
from openmm_stegmn.systems import SetupError


@pytest.fixture
def settings(small_model):
    return RunSettings(
        model=str(small_model),
        platform="Reference",
        backend="python",
        equilibration=0.1,
        length=2.0,
        md_frames=4,
        seed=7,
    )


def datasets(path):
    """All arrays of an HDF5 file by name."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def assert_same_trajectory(one, other):
    first, second = datasets(one), datasets(other)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_writes_a_folder_that_mdanalysis_opens(settings, tmp_path):
    seen = []
    result = hybrid_run(
        settings, tmp_path / "out", progress=lambda now, length, _: seen.append((now, length))
    )
    folder = result.folder
    assert sorted(path.name for path in folder.path.iterdir()) == sorted(
        path.name for path in folder.files
    )
    assert result.completed
    assert result.summary == json.loads(folder.summary.read_text())
    assert seen[-1] == (pytest.approx(2.0), 2.0)

    universe = MDAnalysis.Universe(str(folder.topology), str(folder.trajectory))
    times = [frame.time for frame in universe.trajectory]
    np.testing.assert_allclose(times, 0.02 * np.arange(101), atol=1e-6)
    origins = [int(frame.data["origin"]) for frame in universe.trajectory]
    summary = result.summary
    assert summary["jumps"]["accepted"] == origins.count(1) > 10
    assert summary["jumped_time_ps"] == pytest.approx(0.02 * origins.count(1))
    assert summary["total_time_ps"] == pytest.approx(2.0)
    assert summary["jumps"]["worst_constraint_error"] < 1e-6
    assert summary["jump_kind"] == "deterministic"
    assert summary["ns_per_day"] > 0


def test_same_seed_same_run_other_seed_another(settings, tmp_path):
    one = hybrid_run(settings, tmp_path / "one").folder.trajectory
    two = hybrid_run(settings, tmp_path / "two").folder.trajectory
    assert_same_trajectory(one, two)
    other = hybrid_run(dataclasses.replace(settings, seed=8), tmp_path / "other").folder.trajectory
    assert not np.array_equal(
        datasets(one)["particles/trajectory/position/value"],
        datasets(other)["particles/trajectory/position/value"],
    )


@pytest.mark.parametrize("frames", [3, 13, 47])
def test_restart_equals_uninterrupted(settings, tmp_path, frames):
    whole = hybrid_run(settings, tmp_path / "whole")
    stop = threading.Event()

    def stop_later(now, length, statistics):
        if statistics.frames >= frames:
            stop.set()

    first = hybrid_run(settings, tmp_path / "parts", progress=stop_later, stop=stop)
    assert not first.completed
    assert first.summary["total_time_ps"] < 2.0
    second = hybrid_run(settings, tmp_path / "parts", restart=True)
    assert second.completed
    assert second.summary["jumps"] == whole.summary["jumps"]
    assert second.summary["wall_seconds_legs"] > first.summary["wall_seconds_legs"]
    assert_same_trajectory(whole.folder.trajectory, second.folder.trajectory)


def test_restart_after_a_crash_drops_frames_later_than_the_checkpoint(settings, tmp_path):
    whole = hybrid_run(settings, tmp_path / "whole")

    def crash(now, length, statistics):
        if now > 1.0:
            raise MemoryError

    with pytest.raises(MemoryError):
        hybrid_run(settings, tmp_path / "parts", progress=crash)
    assert len(datasets(tmp_path / "parts" / "hybrid.h5md")["observables/origin/value"]) > 40
    second = hybrid_run(settings, tmp_path / "parts", restart=True)
    assert_same_trajectory(whole.folder.trajectory, second.folder.trajectory)


def test_restart_extends_a_finished_run(settings, tmp_path):
    half = dataclasses.replace(settings, length=1.0)
    hybrid_run(half, tmp_path / "parts")
    again = hybrid_run(half, tmp_path / "parts", restart=True)
    assert again.summary["total_time_ps"] == pytest.approx(1.0)
    second = hybrid_run(settings, tmp_path / "parts", restart=True)
    whole = hybrid_run(settings, tmp_path / "whole")
    assert_same_trajectory(whole.folder.trajectory, second.folder.trajectory)
    assert second.folder.read_record()[0].length == 2.0


def test_restart_to_a_shorter_length_is_refused(settings, tmp_path):
    folder = hybrid_run(settings, tmp_path / "out").folder
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    shorter = dataclasses.replace(settings, length=settings.length / 2)
    with pytest.raises(SetupError, match="has reached .* greater --length"):
        hybrid_run(shorter, tmp_path / "out", restart=True)
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def test_ctrl_c_leaves_what_a_restart_needs(settings, tmp_path, ctrl_c):
    def press(now, length, statistics):
        if statistics.frames == 20:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    result = hybrid_run(settings, tmp_path / "out", progress=press)
    assert not result.completed
    assert result.summary["jumps"]["frames"] == 20
    assert signal.getsignal(signal.SIGINT) is before
    assert hybrid_run(settings, tmp_path / "out", restart=True).completed


def test_never_overwrites_silently(settings, tmp_path):
    folder = tmp_path / "out"
    hybrid_run(settings, folder)
    mine = folder / "notes.txt"
    mine.write_text("mine")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SetupError, match="exists and is not empty.*--overwrite.*--restart"):
        hybrid_run(settings, folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    short = dataclasses.replace(settings, length=0.2)
    assert hybrid_run(short, folder, overwrite=True).summary["total_time_ps"] == pytest.approx(0.2)
    assert mine.read_text() == "mine"


def test_an_interrupted_beginning_is_replaced(settings, tmp_path):
    """What a kill leaves before the record has its name."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "run.json.0123abcd.part").write_text("half")
    short = dataclasses.replace(settings, length=0.1)
    assert hybrid_run(short, folder, overwrite=True).completed
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("name", ["topology.pdb", "notes.txt", "run.json"])
def test_files_that_are_of_no_run_stay(settings, tmp_path, name):
    (tmp_path / name).write_text("[1]")
    for overwrite in (False, True):
        with pytest.raises(SetupError, match=f"holds no run, but other files, such as {name}"):
            hybrid_run(settings, tmp_path, overwrite=overwrite)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["[1]"]


@pytest.mark.parametrize("option", ["pdb", "model", "forcefields"])
def test_an_input_is_not_replaced(settings, tmp_path, monkeypatch, option):
    short = dataclasses.replace(settings, length=0.1)
    folder = hybrid_run(short, tmp_path / "out").folder
    monkeypatch.chdir(folder.path)
    (tmp_path / "link").symlink_to(folder.topology)
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    for name in ("topology.pdb", tmp_path / "link"):
        mine = dataclasses.replace(short, **{option: name})
        with pytest.raises(SetupError, match="is an input of this run.* replace topology.pdb"):
            hybrid_run(mine, folder.path, overwrite=True)
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before


def test_a_record_that_cannot_be_written_loses_nothing(settings, tmp_path, monkeypatch):
    """Neither the run that would have been replaced, nor a folder that would be half made."""
    short = dataclasses.replace(settings, length=0.1)
    folder = hybrid_run(short, tmp_path / "out").folder
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    monkeypatch.setattr(PreparedRun, "identity", lambda self: {"n_atoms": object()})
    for output in (folder.path, tmp_path / "new"):
        with pytest.raises(TypeError, match="JSON"):
            hybrid_run(short, output, overwrite=True)
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before
    assert not (tmp_path / "new").exists()


def test_the_record_is_there_before_anything_else(settings, tmp_path, monkeypatch):
    """And the checkpoint of the run before is not: a restart would take it for its own."""
    short = dataclasses.replace(settings, length=0.1)
    folder = hybrid_run(short, tmp_path / "out").folder
    monkeypatch.setattr(_engine.app.PDBFile, "writeFile", None)
    for output in (folder.path, tmp_path / "new"):
        with pytest.raises(TypeError):
            hybrid_run(dataclasses.replace(short, seed=8), output, overwrite=True)
        assert json.loads((output / "run.json").read_text())["settings"]["seed"] == 8
        assert not (output / "checkpoint.chk").exists()


def test_numbers_of_numpy_run(settings, tmp_path):
    numbers = {"seed": np.int64(7), "md_frames": np.int64(4), "temperature": np.float32(300)}
    changed = dataclasses.replace(settings, length=np.float32(0.5), **numbers)
    assert hybrid_run(changed, tmp_path / "out").completed
    longer = dataclasses.replace(settings, length=1.0)
    assert hybrid_run(longer, tmp_path / "out", restart=True).completed


def test_a_run_without_a_frame_is_refused(settings, tmp_path):
    """A frame is made up to half a frame interval, of 0.02 ps, beyond the length."""
    with pytest.raises(SetupError, match="length 0.01 ps: no frame would be made.* 0.02 ps apart"):
        hybrid_run(dataclasses.replace(settings, length=0.01), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    result = hybrid_run(dataclasses.replace(settings, length=0.011), tmp_path / "out")
    assert result.summary["total_time_ps"] == pytest.approx(0.02)


def test_output_is_a_file(settings, tmp_path):
    path = tmp_path / "out"
    path.write_text("mine")
    with pytest.raises(SetupError, match="is a file"):
        hybrid_run(settings, path, overwrite=True)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"forcefields": ("amber14-all.xml",)}, "another system.*22 atoms.*asked for.*22 atoms"),
        ({"temperature": 310.0}, "temperature 300.0, asked for 310.0"),
        ({"md_frames": 5}, "md frames 4, asked for 5"),
        ({"seed": 9}, "seed 7, asked for 9"),
        ({"platform": "CPU"}, "platform Reference, this one has CPU"),
    ],
)
def test_restart_refuses_another_run(settings, tmp_path, changes, message):
    folder = tmp_path / "out"
    hybrid_run(dataclasses.replace(settings, length=0.2), folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SetupError, match=message):
        hybrid_run(dataclasses.replace(settings, **changes), folder, restart=True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_restart_accepts_a_model_that_moved_but_no_other(settings, small_model, tmp_path):
    folder = tmp_path / "out"
    hybrid_run(dataclasses.replace(settings, length=0.2), folder)
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(small_model.read_bytes())
    hybrid_run(dataclasses.replace(settings, length=0.3, model=str(moved)), folder, restart=True)
    record = folder / "run.json"
    record.write_text(record.read_text().replace('"model_sha256": "', '"model_sha256": "0'))
    with pytest.raises(SetupError, match="model sha256"):
        hybrid_run(settings, folder, restart=True)


@pytest.mark.parametrize("name", ["run.json", "checkpoint.chk"])
def test_restart_from_a_damaged_folder(settings, tmp_path, name):
    folder = tmp_path / "out"
    hybrid_run(dataclasses.replace(settings, length=0.2), folder)
    (folder / name).write_bytes(b"damaged")
    with pytest.raises(SetupError, match=f"{name} cannot be"):
        hybrid_run(settings, folder, restart=True)


@pytest.mark.parametrize("name", ["checkpoint.chk", "hybrid.h5md"])
def test_restart_from_a_truncated_file_changes_nothing(settings, tmp_path, name):
    folder = tmp_path / "out"
    hybrid_run(settings, folder)
    file = folder / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    before = {path: path.read_bytes() for path in folder.iterdir()}
    longer = dataclasses.replace(settings, length=2 * settings.length)
    with pytest.raises(ValueError, match=name):
        hybrid_run(longer, folder, restart=True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_restart_from_nothing(settings, tmp_path):
    with pytest.raises(SetupError, match=r"holds no run to continue \(run.json, checkpoint.chk"):
        hybrid_run(settings, tmp_path / "absent", restart=True)
    assert not (tmp_path / "absent").exists()


def test_a_run_that_blows_up_keeps_its_last_good_checkpoint(settings, tmp_path, monkeypatch):
    kept = []

    def finite(state):
        kept.append((tmp_path / "out" / "checkpoint.chk").exists())
        return len(kept) < 4

    # 1 in the equilibration, then one at each checkpoint.
    monkeypatch.setattr(_engine, "all_finite", finite)
    with pytest.raises(RunFailedError, match=r"no longer finite.*checkpoint\.chk"):
        hybrid_run(settings, tmp_path / "out", checkpoint_seconds=0.0)
    monkeypatch.undo()
    assert RunFolder(tmp_path / "out").checkpoint.is_file()
    assert hybrid_run(settings, tmp_path / "out", restart=True).completed


def test_overlapping_atoms_leave_nothing_behind(settings, tmp_path):
    from openmm_stegmn.systems import packaged_structure

    path = tmp_path / "flat.pdb"
    lines = packaged_structure("alanine-dipeptide").read_text().splitlines(keepends=True)
    path.write_text(
        "".join(
            line[:30] + "   0.000   0.000   0.000" + line[54:]
            if line.startswith(("ATOM", "HETATM"))
            else line
            for line in lines
        )
    )
    with pytest.raises(SetupError, match="does not survive minimisation"):
        hybrid_run(dataclasses.replace(settings, pdb=str(path)), tmp_path / "out")
    assert not (tmp_path / "out").exists()
