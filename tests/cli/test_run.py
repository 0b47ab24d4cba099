"""``openmm-stegmn run``: what it prints, and one clear line for each bad input."""

import dataclasses
import inspect
import json
import re
import shlex

import pytest
import torch
from typer.testing import CliRunner

from openmm_stegmn.cli import app
from openmm_stegmn.cli._run import run
from openmm_stegmn.models import load_model, save_model
from openmm_stegmn.runs import PreparedRun, RunFolder, RunSettings
from openmm_stegmn.systems import packaged_structure

ALANINE_DIPEPTIDE = packaged_structure("alanine-dipeptide")


@pytest.fixture
def invoke(tmp_path, monkeypatch, small_model):
    """Call ``run`` in an empty folder with a small model and few steps, unless told otherwise."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        command = ["run", *map(str, arguments)]
        if "--restart" not in command:
            small = {"--model": small_model, "--length": 1.0, "--platform": "Reference"}
            small |= {"--backend": "python", "--equilibration": 0.1, "--md-frames": 4}
            for name, value in small.items():
                if name not in command:
                    command += [name, str(value)]
        return CliRunner().invoke(app, command)

    return call


def assert_refused(result, folder, *found):
    """Exit code 2, one line on stderr with all that was found, nothing on stdout or on disk."""
    notes = ("note: ",)  # warnings that come before the error
    errors = [line for line in result.stderr.splitlines() if not line.startswith(notes)]
    assert result.exit_code == 2, result.output
    assert len(errors) == 1 and errors[0].startswith("error: ")
    for text in found:
        assert text in errors[0]
    assert result.stdout == ""
    assert not list(folder.glob("*-hybrid"))


def test_default_output_and_table(invoke, tmp_path):
    result = invoke()
    assert result.exit_code == 0, result.output
    folder = tmp_path / "alanine-dipeptide-hybrid"
    summary = json.loads((folder / "summary.json").read_text())
    for name in ("hybrid.h5md", "topology.pdb", "checkpoint.chk", "run.json"):
        assert (folder / name).stat().st_size > 0
    rows = dict(re.findall(r"│ (.+?) +│ (.+?) +│", result.stdout))
    assert rows["total time"] == "1 ps"
    assert rows["jumps attempted"] == str(summary["jumps"]["attempted"]) != "0"
    assert rows["kind of jump"].startswith("deterministic")
    for name in (
        "physical time",
        "jumped time",
        "jumps accepted",
        "rejected by energy",
        "rejected, not finite",
        "rejected by constraints",
        "worst constraint error",
        "wall time in legs",
        "wall time in jumps",
        "speed",
    ):
        assert name in rows


def test_own_pdb_names_the_folder(invoke, tmp_path):
    path = tmp_path / "mine.pdb"
    path.write_text(ALANINE_DIPEPTIDE.read_text())
    assert invoke("--pdb", path, "--length", 0.1).exit_code == 0
    assert (tmp_path / "mine-hybrid" / "hybrid.h5md").is_file()


def test_defaults_are_those_of_the_settings():
    settings = dataclasses.asdict(RunSettings())
    settings["forcefield"] = settings.pop("forcefields")
    options = inspect.signature(run).parameters
    assert {name: options[name].default for name in settings} == settings


def test_exact_is_the_packaged_model_with_metropolis(tmp_path, monkeypatch):
    """Every jump makes a frame, and none advances the clock; a restart needs no further word."""
    monkeypatch.chdir(tmp_path)
    short = ["--platform", "Reference", "--equilibration", "0.1", "--seed", "3"]
    command = ["run", "--exact", "--length", "3", "--md-frames", "1", "--tries", "3", *short]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "alanine-dipeptide-hybrid"
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["model"], summary["jump_kind"]) == ("alanine-dipeptide-exact", "exact")
    assert summary["jumped_time_ps"] == 0 and summary["physical_time_ps"] == 3
    assert summary["jumps"]["attempted"] == 15  # three trials after each of five frames
    assert summary["jumps"]["frames"] == 7 + 5
    result = CliRunner().invoke(app, ["run", "--restart", "--length", "4"])
    assert result.exit_code == 0, result.output
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["jump_kind"] == "exact" and summary["jumps"]["attempted"] > 15


def test_walked_moves(invoke, tmp_path):
    """One trial a jump; a restart walks on, with the model that the run has."""
    model = load_model("alanine-dipeptide-exact")
    with torch.no_grad():
        next(model.parameters()).mul_(1.001)
    save_model(model, tmp_path / "mine.safetensors")
    walk = ["--model", "mine.safetensors", "--switch-substeps", 2, "--switch-steps", 3]
    result = invoke("--exact", *walk, "--length", 2, "--md-frames", 1, "--seed", 3)
    assert result.exit_code == 0, result.output
    result = invoke("--restart", "--exact", "--length", 3)
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "alanine-dipeptide-hybrid" / "summary.json").read_text())
    assert summary["jump_kind"] == "exact" and summary["physical_time_ps"] == 3
    assert summary["jumps"]["attempted"] == 5
    settings = json.loads((tmp_path / "alanine-dipeptide-hybrid" / "run.json").read_text())
    assert settings["settings"]["switch_substeps"] == 2


def test_exact_with_a_model_without_a_density(invoke, tmp_path, small_model, monkeypatch):
    """Nothing is simulated: no acceptance test would make its jumps exact."""
    result = invoke("--exact", "--tries", 3)
    assert_refused(result, tmp_path, "tries=3 is for models with a density")
    monkeypatch.setattr(PreparedRun, "equilibrate", None)
    result = invoke("--exact")
    assert_refused(
        result, tmp_path, f"--exact: model {small_model} has no density", "train --target proposal",
        "or leave out --exact",
    )  # fmt: skip


def test_exact_with_another_guard(invoke, tmp_path):
    dynamics = ["--model", "alanine-dipeptide-exact", "--guard", "energy", "--jump-time", 5]
    result = invoke("--exact", *dynamics)
    assert_refused(result, tmp_path, "--exact: with guard energy jumps are approximate dynamics")


def test_jump_time_makes_dynamics_of_a_density(invoke, tmp_path):
    """The last jump may go past the length; a restart knows that, and the time of the jumps."""
    command = ["--model", "alanine-dipeptide-exact", "--jump-time", 5, "--guard", "none"]
    result = invoke(*command, "--length", 8, "--md-frames", 2, "--seed", 3)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "alanine-dipeptide-hybrid"
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["jump_kind"] == "approximate dynamics"
    assert summary["jumped_time_ps"] == 10 and summary["total_time_ps"] == 12
    rows = dict(re.findall(r"│ (.+?) +│ (.+?) +│", result.stdout))
    assert rows["kind of jump"].startswith("approximate dynamics")
    assert invoke("--restart").exit_code == 0
    assert invoke("--restart", "--length", 13).exit_code == 0
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["jumped_time_ps"] == 10 and summary["total_time_ps"] == 13
    result = invoke("--restart", "--length", 5)
    assert result.exit_code == 2 and "the run has reached 13 ps" in result.stderr


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--jump-time", 5], "jump_time=5 ps is for models with a density"),
        (["--model", "alanine-dipeptide-exact"], "pass jump_time=, from 1 to 20 ps"),
        (["--model", "alanine-dipeptide-exact", "--jump-time", 30], "from 1 to 20 ps"),
        (["--exact", "--jump-time", 5, "--model", "alanine-dipeptide-exact"], "take none"),
        (["--jump-time", 0], "jump time 0.0"),
    ],
)
def test_jump_times_that_make_no_sense(invoke, tmp_path, options, found):
    assert_refused(invoke(*options), tmp_path, found)


def test_restart_takes_settings_from_the_folder(invoke, tmp_path):
    assert invoke("--length", 0.5, "--seed", 3).exit_code == 0
    result = invoke("--restart", "--length", 1.0)
    assert result.exit_code == 0, result.output
    assert invoke("--output", "whole", "--seed", 3).exit_code == 0
    restarted, whole = (
        json.loads((tmp_path / folder / "summary.json").read_text())["jumps"]
        for folder in ("alanine-dipeptide-hybrid", "whole")
    )
    assert restarted == whole


def test_missing_pdb(invoke, tmp_path):
    result = invoke("--pdb", "absent.pdb")
    assert_refused(result, tmp_path, "absent.pdb: no such file")


def test_nan_positions(invoke, tmp_path):
    path = tmp_path / "nan.pdb"
    path.write_text(ALANINE_DIPEPTIDE.read_text().replace("-2.553", "   nan"))
    assert_refused(invoke("--pdb", path), tmp_path, "nan.pdb", "not finite", "H1 of ACE 1")


def test_unknown_force_field(invoke, tmp_path):
    result = invoke("--forcefield", "amber41-all.xml")
    assert_refused(result, tmp_path, "'amber41-all.xml'", "did you mean", "amber14-all.xml")


def test_template_mismatch(invoke, tmp_path):
    result = invoke("--forcefield", "tip3p.xml")
    assert_refused(result, tmp_path, "does not fit the force field", "template")


def test_unreadable_model(invoke, tmp_path, small_model):
    assert_refused(invoke("--model", "absent.safetensors"), tmp_path, "'absent.safetensors'")
    whole = small_model.read_bytes()
    for name, data in (("empty", b""), ("noise", b"not a model" * 9), ("cut", whole[:-1000])):
        (tmp_path / name).write_bytes(data)
        assert_refused(invoke("--model", name), tmp_path, name)


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"masses": (2.0,) * 22}, "mass"),
        ({"constraints": (), "constraint_lengths": ()}, "constraint"),
        ({"atom_names": ("X",) * 22}, "atom"),
        ({"frame_interval": 0.0213}, "0.0213"),
    ],
)
def test_model_for_something_else(invoke, tmp_path, make_small_model, changes, found):
    path = make_small_model("other", **changes)
    assert_refused(invoke("--model", path), tmp_path, found)


def test_output_exists(invoke, tmp_path):
    assert invoke("--output", "mine", "--length", 0.1).exit_code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    assert_refused(invoke("--output", "mine"), tmp_path, "mine: exists", "--overwrite")
    assert {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == before
    assert invoke("--output", "mine", "--length", 0.1, "--overwrite").exit_code == 0


def test_a_report_goes_with_its_run(invoke, tmp_path):
    short = ("--output", "mine", "--md-frames", 4)
    assert invoke(*short, "--length", 1).exit_code == 0
    report, figures = RunFolder("mine").report, RunFolder("mine").figures
    figures.mkdir()
    for path in (report, figures / "a.svg", figures / "b.svg"):
        path.write_text("as analyze writes it")
    further = invoke("--output", "mine", "--restart", "--length", 1.1)
    assert further.exit_code == 0 and report.is_file()
    named = "mine/analysis.html is of the run before it went on: openmm-stegmn analyze mine"
    assert named in further.stderr
    own = figures / "own.txt"
    own.write_text("of the user")
    again = invoke(*short, "--length", 0.1, "--overwrite")
    assert again.exit_code == 0 and "analysis.html" not in again.stderr
    assert not report.exists() and list(figures.iterdir()) == [own]
    own.unlink()
    assert invoke(*short, "--length", 0.1, "--overwrite").exit_code == 0 and not figures.exists()


def test_overwrite_is_of_runs(invoke, tmp_path):
    """Not of whatever is in the folder."""
    pdb = tmp_path / "inp" / "topology.pdb"
    pdb.parent.mkdir()
    pdb.write_text(ALANINE_DIPEPTIDE.read_text())
    for output in ("inp", "."):
        result = invoke("--pdb", "inp/topology.pdb", "--output", output, "--overwrite")
        assert_refused(result, tmp_path, f"output {output}: holds no run, but other files")
    assert pdb.read_text() == ALANINE_DIPEPTIDE.read_text()


def test_restart_from_another_system(invoke, tmp_path):
    assert invoke("--output", "mine", "--length", 0.1).exit_code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    result = invoke("--output", "mine", "--restart", "--forcefield", "amber14-all.xml")
    assert_refused(result, tmp_path, "another system", "obc2_native.xml", "asked for")
    assert {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == before


def test_restart_from_nothing(invoke, tmp_path):
    assert_refused(invoke("--restart"), tmp_path, "holds no run to continue")


@pytest.mark.parametrize(
    "option, value, found",
    [
        ("--platform", "Abacus", "OpenMM found"),
        ("--backend", "abacus", "'abacus'"),
        ("--guard", "abacus", "'abacus'"),
        ("--velocities", "abacus", "'abacus'"),
        ("--constraints", "abacus", "'abacus'"),
        ("--temperature", "-1", "temperature -1.0"),
        ("--length", "0", "length 0.0"),
        ("--md-frames", "0", "md frames 0"),
    ],
)
def test_option_out_of_range(invoke, tmp_path, option, value, found):
    assert_refused(invoke(option, value), tmp_path, found)


def test_interrupted_run_says_how_to_go_on(invoke, monkeypatch):
    from openmm_stegmn.runs import _engine

    real = _engine._advance
    monkeypatch.setattr(
        _engine, "_advance", lambda *arguments: (arguments[-1].set(), real(*arguments))[1]
    )
    for output in ("mine", "my [own] 'ü' folder that is longer than any line" + 60 * "."):
        result = invoke("--output", output)
        assert result.exit_code == 130
        words = shlex.split(result.stderr.splitlines()[-1].split("To continue: ")[1])
        assert words == ["openmm-stegmn", "run", "--restart", "--output", output]


def test_threads_are_those_asked_for(invoke, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    assert invoke().exit_code == 0
    assert invoke("--overwrite", "--threads", 2).exit_code == 0
    assert asked == [1, 2]
    assert invoke("--overwrite", "--threads", 0).exit_code == 2
