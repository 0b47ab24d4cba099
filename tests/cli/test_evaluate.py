"""``openmm-stegmn evaluate``: a model on other trajectories, and what does not fit."""

import pytest
import torch
from refusals import assert_refused
from short_runs import short_runs
from trajectory_files import write_trajectory
from typer.testing import CliRunner

from openmm_stegmn import load_model
from openmm_stegmn.cli import app
from openmm_stegmn.data import WindowSet
from openmm_stegmn.systems import packaged_structure
from openmm_stegmn.training import evaluate

PDB = packaged_structure("alanine-dipeptide")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_trajectory(tmp_path / "run1.xtc", short_runs()[0].frames)
    return tmp_path


def invoke(model, *arguments, trajectory="run1.xtc", topology=PDB):
    command = ["evaluate", str(model), "--topology", topology, "--trajectory", trajectory]
    command += ["--free-jumps", "20", *arguments]
    return CliRunner().invoke(app, [str(word) for word in command], env={"COLUMNS": "150"})


def test_a_jump_model(folder, small_model):
    result = invoke(small_model)
    assert result.exit_code == 0, result.output
    # Measured on the second half
    frames = short_runs()[0].frames
    found = evaluate(load_model(small_model), WindowSet.from_trajectories([frames[30:]], 3))
    assert found.n_windows == 27
    row = next(line for line in result.stdout.splitlines() if "│ torsion-linear " in line)
    # XTC rounds positions
    assert float(row.split("│")[2]) == pytest.approx(found.mean_torsion_rmse, abs=0.2)
    for name in ("persistence", "linear-ar-full", "torsion-linear-ar", "20 jumps", "none: the dat"):
        assert f"│ {name}" in result.stdout
    assert "torsion-linear: torsion RMSE" in result.stdout.splitlines()[-1]


def test_exact_moves(folder):
    long = torch.cat([run.frames for run in short_runs()])
    write_trajectory(folder / "long.xtc", long, interval=0.5)
    result = invoke("alanine-dipeptide-exact", trajectory="long.xtc")
    assert result.exit_code == 0, result.output
    assert "│ accepted " in result.stdout and "free jumps" not in result.stdout
    assert "of moves from frames it has not seen are accepted" in result.stdout


def test_trained_on_the_same_file(folder, make_small_model):
    seen = make_small_model("seen", provenance={"trajectories": [{"source": "run1.xtc"}]})
    result = invoke(seen)
    assert result.exit_code == 0
    assert "note: the model was trained on files of the same name: run1.xtc" in result.stderr


def test_refused(folder, small_model, make_small_model):
    assert_refused(invoke("absent.safetensors"), "cannot read model 'absent.safetensors'")
    assert_refused(invoke(small_model, trajectory="b.xtc"), "trajectory b.xtc: no such file")
    assert_refused(invoke(small_model, "--device", "tpu"), "got 'tpu'")
    assert_refused(invoke(small_model, "--constraints", "None"), "onstraint")
    slow = make_small_model("slow", frame_interval=0.03)
    assert_refused(invoke(slow), "frame interval of the model, 0.03 ps: expected a multiple of")
    long = make_small_model("long", history=40)
    assert_refused(invoke(long), "a window of 40 frames and its target")
