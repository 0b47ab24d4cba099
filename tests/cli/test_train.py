"""``openmm-stegmn train``: from files to a model that runs, and one line for each bad input."""

import dataclasses
import errno
import inspect
import json
import os
import re
import shlex
import tempfile
from pathlib import Path

import MDAnalysis as mda
import openmm
import pytest
import torch
from refusals import assert_refused
from short_runs import molecule, short_runs
from topology_files import write_psf
from trajectory_files import write_trajectory
from typer.testing import CliRunner

from openmm_stegmn import load_model
from openmm_stegmn.cli import app
from openmm_stegmn.cli._train import train
from openmm_stegmn.cli._train_options import _SECTION
from openmm_stegmn.data import frames_of
from openmm_stegmn.simulation import check_fit
from openmm_stegmn.systems import packaged_structure
from openmm_stegmn.training import TrainingConfig
from openmm_stegmn.training_runs import DataSettings, TrainSettings, train_on

README = Path(__file__).parents[2] / "README.md"
PDB = packaged_structure("alanine-dipeptide")
FILES = ("run1.xtc", "run2.dcd", "run3.trr")
SMALL = ("--option", "hidden=8", "--option", "layers=1", "--option", "heads=2")
QUICK = ("--steps", "2", "--batch-size", "8", "--free-jumps", "10", *SMALL)
PROPOSAL = ("--target", "proposal", "--times", "0.02,0.04", "--components", "3")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Work where three trajectories lie."""
    monkeypatch.chdir(tmp_path)
    for name, trajectory in zip(FILES, short_runs(), strict=True):
        write_trajectory(tmp_path / name, trajectory.frames)
    return tmp_path


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr("lightning.Trainer", None)  # would fail if it were used


def invoke(*arguments, files=FILES, topology=PDB):
    command = ["train", "--topology", str(topology)]
    command += [word for name in files for word in ("--trajectory", name)]
    return CliRunner().invoke(app, [*command, *map(str, arguments)], env={"COLUMNS": "150"})


def written(folder):
    """Files and what they hold, but for the hidden ones in which MDAnalysis keeps offsets."""
    return {path.name: path.is_file() and path.read_bytes() for path in folder.glob("[!.]*")}


def run_with(result, *more):
    """Follow the advice that training ends with."""
    words = shlex.split(result.stderr.split("To use it: openmm-stegmn ")[1])
    return CliRunner().invoke(app, [*words, "--platform", "Reference", *more])


def test_a_jump_model_runs(folder):
    result = invoke("--history", "3", *QUICK, "--temperature", "310")
    assert result.exit_code == 0, result.output
    for name in ("persistence", "linear", "linear-ar", "linear-ar-full", "stegmn"):
        assert f"│ {name} " in result.stdout
    verdict = result.stdout.splitlines()[-1]
    assert verdict.startswith("stegmn: torsion RMSE ")
    assert "After 10 free jumps bonds are " in verdict and "│ 10 jumps " in result.stdout
    model = load_model("model.safetensors")
    assert (model.frame_interval, model.history, model.temperature) == (0.02, 3, 310)
    sources = [each["source"] for each in model.spec.provenance["trajectories"]]
    assert sources == list(FILES)
    assert set(written(folder)) == {*FILES, "model.safetensors", "model.training"}
    ran = run_with(result, "--length", "1", "--md-frames", "4", "--equilibration", "0.1",
                   "--guard", "none")  # fmt: skip
    assert ran.exit_code == 0, ran.output
    summary = json.loads((folder / "alanine-dipeptide-hybrid" / "summary.json").read_text())
    assert summary["jumps"]["attempted"] > 3 and summary["temperature_K"] == 310
    # What a model made is nothing to learn from.
    again = invoke("--output", "b.safetensors", files=["alanine-dipeptide-hybrid/hybrid.h5md"])
    assert_refused(again, " was made by a jump, which")


@pytest.mark.parametrize(("name", "horizon"), [("egno", None), ("egno-rigid", 3)])
def test_egno_predicts_several_frames_at_once(folder, name, horizon):
    options = ("--steps", "2", "--batch-size", "8", "--free-jumps", "10", "--history", "2",
               "--option", "hidden=8", "--option", "layers=1")  # fmt: skip
    options += () if horizon is None else ("--horizon", horizon)
    result = invoke("--model", name, *options)
    assert result.exit_code == 0, result.output
    assert f"│ {name} " in result.stdout and "│ linear-ar " in result.stdout
    model = load_model("model.safetensors")
    assert (model.spec.architecture, model.horizon) == (name, horizon or 5)
    if name == "egno":
        return  # it keeps no constraints
    ran = run_with(result, "--length", "1", "--md-frames", "4", "--equilibration", "0.1",
                   "--guard", "none")  # fmt: skip
    assert ran.exit_code == 0, ran.output
    jumps = json.loads((folder / "alanine-dipeptide-hybrid" / "summary.json").read_text())["jumps"]
    assert jumps["accepted"] == jumps["attempted"] > 3


def test_a_proposal_runs_exactly(folder):
    result = invoke(
        *PROPOSAL, *QUICK, "--output", "my ü [1].safetensors", "--block", "3", "--fine-tune", "2"
    )
    assert result.exit_code == 0, result.output
    assert "│ accepted " in result.stdout and "CA–N (2)" in result.stdout
    assert "of moves from frames it has not seen are accepted" in result.stdout
    config = load_model("my ü [1].safetensors").spec.config
    assert (config["lags"], config["block"], config["components"]) == ([None, 1, 2], 3, 3)
    ran = run_with(result, "--length", "0.2", "--md-frames", "1", "--equilibration", "0.1")
    assert ran.exit_code == 0, ran.output
    summary = json.loads((folder / "alanine-dipeptide-hybrid" / "summary.json").read_text())
    assert summary["jump_kind"] == "exact" and summary["jumps"]["attempted"] > 0


def test_a_proposal_of_windows_runs_as_dynamics(folder):
    result = invoke(*PROPOSAL, *QUICK, "--history", "3")
    assert result.exit_code == 0, result.output
    assert "more likely than if nothing were known by" in result.stdout
    assert " after 0.04 ps (nats for each bond)" in result.stdout
    model = load_model("model.safetensors")
    assert (model.history, model.lags, model.jump_frames) == (3, (1, 2), 1)
    ran = run_with(result, "--length", "0.5", "--md-frames", "4", "--equilibration", "0.1",
                   "--guard", "none")  # fmt: skip
    assert ran.exit_code == 0, ran.output
    summary = json.loads((folder / "alanine-dipeptide-hybrid" / "summary.json").read_text())
    assert summary["jump_kind"] == "approximate dynamics" and summary["jumps"]["attempted"] > 1


def test_a_serialised_system(folder):
    (folder / "system.xml").write_text(openmm.XmlSerializer.serialize(molecule().system))
    options = (
        "--system",
        "system.xml",
        "--model",
        "linear-ar",
        "--history",
        "2",
        "--free-jumps",
        "9",
    )
    result = invoke(*options, files=FILES[:1])
    assert result.exit_code == 0, result.output
    assert "STEGMNPropagator(system, topology" in result.stderr
    assert load_model("model.safetensors").spec.provenance["force_field"] == ["system.xml"]
    again = invoke(*options, "--overwrite", "--constraints", "HBonds")
    assert_refused(again, "system system.xml holds forces and constraints", "constraints")


@pytest.fixture
def psf(folder):
    system = molecule().system
    masses = [system.getParticleMass(i)._value for i in range(system.getNumParticles())]
    return write_psf(folder / "top.psf", molecule().topology, masses)


def test_a_psf_needs_no_force_field(psf):
    """The model is that of the PDB file: constraints are as long as in the frames."""
    options = ("--history", "3", *QUICK)
    result = invoke(*options, topology="top.psf")
    assert result.exit_code == 0, result.output
    assert "STEGMNPropagator(system, topology" in result.stderr and "note:" not in result.stderr
    assert invoke(*options, "--output", "pdb.safetensors").exit_code == 0
    found, expected = (load_model(f"{name}.safetensors") for name in ("model", "pdb"))
    assert found.spec.elements == expected.spec.elements
    check_fit(molecule().system, molecule().topology, found)  # constraints within 0.005 Å
    tuned = invoke("--from", "pdb.safetensors", *QUICK[:6], "--overwrite", topology="top.psf")
    assert tuned.exit_code == 0, tuned.output
    command = ["evaluate", "model.safetensors", "--free-jumps", "0", "--topology", "top.psf"]
    result = CliRunner().invoke(app, [*command, "--trajectory", FILES[0]])
    assert result.exit_code == 0, result.output
    assert "│ stegmn " in result.stdout
    without = invoke(*options, "--constraints", "None", "--overwrite", topology="top.psf")
    assert without.exit_code == 0 and load_model("model.safetensors").spec.constraints == ()


def test_a_psf_with_a_force_field(psf):
    options = ("--times", "0.02", "--components", "3", "--forcefield", "amber14-all.xml")
    result = invoke("--target", "proposal", *options, *QUICK, topology="top.psf")
    assert result.exit_code == 0, result.output
    assert "of moves from frames it has not seen are accepted" in result.stdout


def test_what_a_topology_alone_cannot_do(folder, psf, no_training):
    result = invoke("--target", "proposal", *QUICK, topology="top.psf")
    assert_refused(result, "top.psf says nothing of energies, by which exact moves are accepted")
    assert_refused(
        invoke("--constraints", "HAngles", topology="top.psf"),
        "constraints 'HAngles' of top.psf without a force field: expected HBonds, AllBonds or",
    )
    mda.Universe(str(PDB)).atoms.write("top.gro")
    assert_refused(invoke(topology="top.gro"), "top.gro: has no bonds; give a file that has (PSF")
    write_psf(psf, molecule().topology, [0.0] * 22)
    assert_refused(invoke(topology="top.psf"), "22 atoms have no mass, such as virtual sites")
    run = CliRunner().invoke(app, ["run", "--pdb", "top.psf", "--output", "run"])
    assert_refused(run, "structure ", "top.psf: has no positions, which a run starts from")


def test_defaults_are_those_of_the_settings():
    options = {name: each.default for name, each in inspect.signature(train).parameters.items()}
    settings, config = TrainSettings(), TrainingConfig()
    for name, section in _SECTION.items():
        if section != "data" and name not in ("model", "history", "horizon"):
            assert options[name] == getattr(config if section else settings, name)
    of_run = inspect.signature(app.registered_commands[0].callback).parameters
    for name in ("forcefield", "constraints", "temperature"):
        assert options[name] == of_run[name].default
    # Every setting is an option, but for rare ones of training.
    named = {field.name for kind in (settings, DataSettings) for field in dataclasses.fields(kind)}
    assert named - set(_SECTION) == {"training", "config"}
    assert set(_SECTION) < set(options) and named | set(vars(config)) > set(_SECTION)


@pytest.mark.parametrize("name", ["minimal", "everything"])
def test_shipped_settings_train(folder, name):
    """In a folder with what they name: top.pdb and run1.xtc."""
    frames = torch.cat([trajectory.frames for trajectory in short_runs()])
    write_trajectory(folder / "run1.xtc", frames)
    (folder / "top.pdb").write_text(PDB.read_text())
    command = ["train", "--config", str(README.parent / "examples" / f"{name}.yaml"), *QUICK]
    result = CliRunner().invoke(app, [*command, "--output", f"{name}.safetensors"])
    assert result.exit_code == 0, result.output
    assert f"run --pdb top.pdb --model {name}.safetensors\n" in result.stderr.replace("\n ", " ")
    provenance = load_model(f"{name}.safetensors").spec.provenance["settings"]
    # Options win over the file
    assert provenance["training"]["steps"] == 2 and provenance["config"]["hidden"] == 8
    assert provenance["training"]["learning_rate"] == 2e-3


def test_unknown_settings(folder):
    (folder / "a.yaml").write_text("training: {step: 3}")
    assert_refused(invoke("--config", "a.yaml"), "setting training.step: ", "is training.steps")


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--target", "leap"], "target 'leap'"),
        (["--model", "abacus"], "'abacus' is not registered"),
        (["--steps", "0"], "steps must be positive, got 0"),
        (["--option", "hidden"], "option 'hidden': expected name=value"),
        ([*PROPOSAL, "--times", "1,abc"], "times '1,abc': expected numbers of ps"),
        (["--constraints", "abacus"], "'abacus'"),
        (["--constraints", "None", "--history", "60"], "too short"),
        (["--system", "absent.xml"], "absent.xml: no such file"),
        (
            ["--output", "nowhere/model.safetensors"],
            "nowhere/model.safetensors: there is no folder",
        ),
        (["--output", "."], "is a folder"),
        (["--output", "run1.xtc"], "run1.xtc: exists; choose another name, or add --overwrite"),
        (["--trajectory", "absent.dcd"], "absent.dcd: no such file"),
        (["--frame-interval", "0.03"], "frame interval 0.03 ps: expected a multiple of that of"),
    ],
)
def test_refused_before_training(folder, monkeypatch, arguments, found):
    monkeypatch.setattr("lightning.Trainer", None)  # would fail if it were used
    before = written(folder)
    assert_refused(invoke(*arguments), found)
    assert written(folder) == before


@pytest.mark.parametrize(
    "command", re.findall(r"^openmm-stegmn train (.*)$", README.read_text(), re.MULTILINE)
)
def test_options_in_the_readme(tmp_path, monkeypatch, command):
    """All are taken; then the files are looked for."""
    monkeypatch.chdir(tmp_path)
    assert_refused(CliRunner().invoke(app, ["train", *command.split()]), "top.pdb: no such file")


def test_a_folder_that_is_not_writable(folder, no_training, monkeypatch):
    def refuse(dir):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    if Path("/proc").is_dir():  # where root may not write either
        result = invoke("--output", "/proc/x.safetensors")
        assert_refused(result, "the folder /proc is not writable (")
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    (folder / "locked").mkdir()
    before = written(folder)
    result = invoke("--output", "locked/model.safetensors")
    assert_refused(result, "locked/model.safetensors: the folder", "locked is not writable (Perm")
    assert written(folder) == before


def test_an_unknown_element(folder, no_training):
    lines = PDB.read_text().splitlines(keepends=True)
    lines = [x[:12] + " QQ " + x[16:76] + "  " + x[78:] if x[12:16] == " CA " else x for x in lines]
    (folder / "top.pdb").write_text("".join(lines))
    (folder / "system.xml").write_text(openmm.XmlSerializer.serialize(molecule().system))
    result = invoke("--system", "system.xml", topology="top.pdb")
    assert_refused(result, "no element is known of 1 atoms", "QQ of ALA 2: state it in the topolog")


def test_coordinates_that_are_not_finite(folder, no_training):
    frames = short_runs()[1].frames.clone()
    frames[7, 3, 0] = float("nan")
    write_trajectory(folder / "bad.trr", frames)
    result = invoke(files=[*FILES, "bad.trr"])
    assert_refused(result, "bad.trr: frame 7 has a coordinate that is not finite, of atom 3")


def test_flexible_bonds_against_constraints(folder):
    """A warning with the size of the violation, before training."""
    frames = short_runs()[0].frames.clone()
    frames[:, 0] += 0.05 * (frames[:, 0] - frames[:, 1])
    write_trajectory(folder / "flexible.trr", frames)
    result = invoke("--model", "linear-ar", "--history", "2", "--free-jumps", "0",
                    files=["flexible.trr"])  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "note: flexible.trr: CH3 of ACE 1–H1 of ACE 1 is constrained to 1.090 Å" in result.stderr
    assert "% (root mean square). A model of these constraints is trained" in result.stderr


def test_a_selection_that_cuts_rigid_groups(folder, no_training):
    """Heavy atoms without the hydrogens that are constrained to them."""
    universe = mda.Universe(str(PDB), "run3.trr")
    heavy = frames_of(universe.select_atoms("not element H"))
    with pytest.raises(ValueError, match="run3.trr has 10 atoms, the system 22: give the system"):
        train_on(molecule(), [heavy], TrainSettings(history=3), progress=False)


def test_another_topology(folder):
    write_trajectory(folder / "part.xtc", short_runs()[0].frames[:, :10])
    result = invoke(files=["part.xtc"])
    assert_refused(result, "part.xtc has 10 atoms, the topology 22")


def test_interrupted_and_resumed(folder, monkeypatch):
    training = ("--history", "3", *QUICK)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("openmm_stegmn.models.stegmn.STEGMN.increments", interrupt)
        result = invoke(*training)
    assert_refused(result, "interrupted; no model", "the same command with --resume", code=130)
    assert not (folder / "model.safetensors").exists()
    assert_refused(invoke(*training), "model.training: holds a training run; add --resume to go on")
    changed = invoke(*training, "--seed", "7", "--resume")
    assert_refused(changed, "its run has training.seed 2026, now it is 7")
    assert invoke(*training, "--resume").exit_code == 0
    resumed = load_model("model.safetensors").state_dict()
    assert invoke(*training, "--overwrite").exit_code == 0
    whole = load_model("model.safetensors").state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_nothing_to_resume(folder):
    assert_refused(invoke("--resume"), "nothing to resume: no training run in model.training")
