"""``benchmark nbody``, ``mocap``, ``adk``, ``md17 --task``: tables, and a line for bad input."""

import json

import numpy as np
import pytest
from motion_arrays import write_motion
from protein_files import write_protein
from refusals import assert_refused
from small_states import moving_molecule, shrink_networks
from typer.testing import CliRunner

from openmm_stegmn.cli import app


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Call a benchmark in an empty folder, with small networks, one seed and two epochs."""
    monkeypatch.chdir(tmp_path)
    shrink_networks(monkeypatch)

    def call(name, *arguments):
        command = ["benchmark", name, *map(str, arguments)]
        for option, value in (("--seeds", 1), ("--epochs", 2), ("--device", "cpu")):
            if option not in command:
                command += [option, str(value)]
        return CliRunner().invoke(app, command)

    return call


PROTEIN = "--topology", "a.psf", "--trajectory", "a.dcd"


def few(*arguments):
    return "--training", 12, "--validation", 6, "--test", 6, *arguments


def test_nbody(invoke, tmp_path):
    result = invoke("nbody", *few("--models", "linear-dynamics,egno", "--decode", "10"))
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "nbody").iterdir()) == [
        f"charged-particles-{part}.npz" for part in ("test", "training", "validation")
    ]
    values = json.loads((tmp_path / "benchmark-nbody.json").read_text())
    assert [v["model"] for v in values] == ["linear-dynamics", "egno"]
    assert values[1]["settings"]["training"]["epochs"] == 2
    title, _, head, _, *rows = result.stdout.strip().splitlines()
    assert "12 training windows, one seed" in title and "A-MSE of 10 frames" in head
    assert float(rows[1].split("|")[2]) == pytest.approx(values[1]["mse"], rel=0.01)
    assert "training (12/12 trajectories)" in result.stderr
    again = invoke("nbody", *few("--models", "linear-dynamics,egno", "--decode", "10"))
    assert again.stderr.splitlines() == ["done (2/2 records)"]
    other = invoke("nbody", *few("--models", "egno", "--learning-rate", "0.01"))
    assert_refused(other, "training", "learning_rate", "--overwrite")


def test_mocap(invoke, tmp_path):
    write_motion(tmp_path / "run.npz")
    result = invoke("mocap", "--data", "run.npz", "--training", 12, "--models", "egno")
    assert result.exit_code == 0, result.output
    assert "motion capture, run:" in result.stdout and "33.9" in result.stdout
    result = invoke("mocap", "--data", "run.npz", "--training", 12, "--models", "egno",
                    "--motion", "walk")  # fmt: skip
    assert "8.1" in result.stdout and "done (1/1 records)" in result.stderr


def test_adk(invoke, tmp_path):
    write_protein(tmp_path, n_frames=60)
    arguments = ("--topology", "p.pqr", "--trajectory", "p.dcd", "--models", "egno,eghno")
    result = invoke("adk", *arguments, "--ahead", 7, "--superpose", "resid 1:4")
    assert result.exit_code == 0, result.output
    assert "adk, p, 10 ps, backbone" in result.stdout and "1.801" in result.stdout
    (first, _) = json.loads((tmp_path / "benchmark-adk.json").read_text())
    assert first["settings"]["superpose_on"] == "resid 1:4" and first["settings"]["reach"] == 7


def test_the_next_frame_of_adk(invoke, tmp_path):
    write_protein(tmp_path, n_frames=60)
    command = "benchmark adk --task next --topology p.pqr --trajectory p.dcd --device cpu"
    result = CliRunner().invoke(
        app, [*command.split(), "--models", "persistence,linear-ar", "--seeds", "1"]
    )
    assert result.exit_code == 0, result.output
    assert "adk-next, p, 10 ps, backbone: the next frame from ten" in result.stdout
    values = json.loads((tmp_path / "benchmark-adk.json").read_text())
    assert [v["model"] for v in values] == ["persistence", "linear-ar"]


def write_molecule(folder, n_frames=5 * 5000):
    frames = moving_molecule(n_frames).frames.numpy()
    everything = np.concatenate([frames, frames[:, [0, 0, 0, 1, 1, 2]] + [0, 0, 1]], 1)
    z = np.array([6, 6, 8, 1, 1, 1, 1, 1, 1], np.uint8)
    np.savez(folder / "ethanol.npz", R=everything, z=z)


def test_md17_from_a_state(invoke, tmp_path):
    write_molecule(tmp_path)
    arguments = ("--data", ".", "--molecules", "ethanol", "--windows", 20)
    result = invoke("md17", *arguments, "--task", "s2t", "--models", "linear-dynamics,egno")
    assert result.exit_code == 0, result.output
    assert "md17-s2t, MD17: F-MSE" in result.stdout and "all 8 frames" in result.stdout
    assert "egno, published | 3.28" in result.stdout
    values = json.loads((tmp_path / "benchmark-md17.json").read_text())
    assert {v["benchmark"] for v in values} == {"md17-s2t"}
    result = invoke("md17", *arguments, "--task", "s2s", "--models", "egnn")
    assert "md17-s2s, MD17: F-MSE" in result.stdout and "A-MSE" not in result.stdout


def test_molecules_that_fly_are_superposed(invoke, tmp_path):
    arguments = ("--data", ".", "--molecules", "ethanol", "--windows", 20, "--task", "s2t",
                 "--models", "linear-dynamics")  # fmt: skip
    write_molecule(tmp_path)
    assert "md17-s2t, MD17, superposed:" in invoke("md17", *arguments, "--superpose").stdout
    with np.load("ethanol.npz") as stored:
        np.savez("ethanol.npz", **stored, metadata=json.dumps({"method": "GFN2-xTB"}))
    assert "md17-s2t, GFN2-xTB, superposed:" in invoke("md17", *arguments).stdout
    assert "md17-s2t, GFN2-xTB: F-MSE" in invoke("md17", *arguments, "--no-superpose").stdout


@pytest.mark.parametrize(
    "name, arguments, found",
    [
        ("nbody", ("--models", "engo"), ("engo not known", "egno-t2t")),
        ("nbody", ("--decode", "ten"), ("decode 'ten'",)),
        ("nbody", few("--test", 0), ("test must be at least 1",)),
        ("nbody", few("--models", "egno", "--decode", 11), ("egno for nbody: 11 frames",)),
        ("mocap", ("--data", "none.npz"), ("none.npz cannot be read",)),
        ("mocap", ("--data", "none.npz", "--motion", "jump"), ("'jump'", "'walk'")),
        ("adk", PROTEIN, ("a.psf: no such file",)),
        ("adk", (*PROTEIN, "--task", "t2t"), ("'t2t'", "'next'")),
        ("adk", (*PROTEIN, "--task", "next"), ("--epochs is not for --task next",)),
        ("adk", (*PROTEIN, "--steps", 5), ("--steps is not for --task s2s",)),
        ("md17", ("--task", "t2t"), ("'t2t'", "s2s")),
        ("md17", ("--task", "next"), ("--epochs is for --task s2s and s2t",)),
        ("md17", ("--task", "s2s", "--atoms", "all"), ("of heavy atoms", "--atoms all")),
        ("md17", ("--task", "s2s", "--data", "absent"), ("absent has no trajectory of aspirin",)),
        (
            "md17",
            ("--task", "s2s", "--generate", "--steps", 20_000),
            ("--steps 20000", "which need 25000"),
        ),
    ],
)
def test_bad_options(invoke, tmp_path, name, arguments, found):
    assert_refused(invoke(name, *arguments), *found)
    assert not list(tmp_path.glob("*.json"))


def test_too_short_molecules(invoke, tmp_path):
    write_molecule(tmp_path, 5 * 3000)
    result = invoke("md17", "--data", ".", "--molecules", "ethanol", "--task", "s2s")
    assert_refused(result, "linear-dynamics for md17-s2s", "found 0 windows")
