"""``openmm-stegmn benchmark md17``: tables, records, and one clear line for each bad input."""

import json
import sys

import numpy as np
import pytest
from refusals import assert_refused
from typer.testing import CliRunner
from vibrations import write_md17

from openmm_stegmn import data as data_package
from openmm_stegmn.benchmarks import FLOOR, _md17
from openmm_stegmn.cli import app


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    # enough for the 2,000 windows that the protocol tests on
    write_md17(folder / "md17_ethanol.npz", "ethanol", 60 * 270)
    return folder


@pytest.fixture
def invoke(tmp_path, monkeypatch, data):
    """Call ``benchmark md17`` in an empty folder, for ethanol and one seed by default."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        command = ["benchmark", "md17", *map(str, arguments)]
        small = {"--data": data, "--molecules": "ethanol", "--models": "linear-ar,persistence"}
        for name, value in (small | {"--seeds": 1}).items():
            if name not in command:
                command += [name, str(value)]
        return CliRunner().invoke(app, command)

    return call


def test_table_and_records(invoke, tmp_path):
    result = invoke("--seeds", 2)
    assert result.exit_code == 0, result.output
    values = json.loads((tmp_path / "benchmark-md17.json").read_text())
    assert len(values) == 2 * 3
    assert {(v["benchmark"], v["data"], v["windows"]) for v in values} == {("md17", "MD17", 500)}
    title, _, head, _, *rows = result.stdout.split("\n\nmd17")[0].splitlines()
    assert "MD17" in title and "heavy atoms" in title and "2 seeds" in title
    assert head == "| model | ethanol |"
    names = [row.split("|")[1].strip() for row in rows]
    assert names == ["persistence", "linear-ar", FLOOR]
    for name, row in zip(names, rows, strict=True):
        mean = 1e3 * np.mean([v["mse"] for v in values if v["model"] == name])
        assert float(row.split("|")[2].split("±")[0]) == pytest.approx(mean, rel=0.006)
    lines = result.stderr.splitlines()
    assert lines[0] == "ethanol, linear-ar, seed 0 (0/6 records)"
    assert lines[-1] == "done (6/6 records)"


def test_hydrogens_and_more_windows_go_to_the_same_file(invoke, tmp_path):
    assert invoke("--output", "r.json").exit_code == 0
    result = invoke("--output", "r.json", "--atoms", "all", "--windows", 600)
    assert result.exit_code == 0, result.output
    assert "input all atoms, 600 training windows" in result.stdout
    values = json.loads((tmp_path / "r.json").read_text())
    assert {(v["atoms"], v["windows"]) for v in values} == {("heavy", 500), ("all", 600)}


def test_what_is_done_is_not_done_again(invoke, tmp_path):
    invoke()
    before = (tmp_path / "benchmark-md17.json").read_bytes()
    result = invoke()
    assert result.exit_code == 0
    assert result.stderr.splitlines() == ["done (3/3 records)"]
    assert (tmp_path / "benchmark-md17.json").read_bytes() == before
    result = invoke("--overwrite")
    assert result.stderr.splitlines()[0] == "ethanol, linear-ar, seed 0 (0/3 records)"


def test_interrupt_keeps_finished_records(invoke, tmp_path, monkeypatch):
    run, made = _md17.MD17Job.run, []

    def interrupted(job):
        if made:
            raise KeyboardInterrupt
        made.append(job)
        return run(job)

    monkeypatch.setattr(_md17.MD17Job, "run", interrupted)
    result = invoke()
    assert_refused(result, "interrupted", "benchmark-md17.json", code=130)
    assert len(json.loads((tmp_path / "benchmark-md17.json").read_text())) == 1


def test_missing_data(invoke, tmp_path):
    result = invoke("--data", "absent", "--molecules", "aspirin,uracil")
    assert_refused(result, "absent", "aspirin.npz, uracil.npz", "--data", "--generate")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, found",
    [
        (("--molecules", "ethanol,water"), ("'water'", "aspirin, benzene")),
        (("--molecules", ","), ("no molecules",)),
        (("--models", "linear,sgetmn"), ("'sgetmn'", "linear-ar-full")),
        (("--atoms", "backbone"), ("'backbone'", "'all'")),
        (("--device", "tpu"), ("'tpu'", "'cuda'")),
        (("--windows", 9_000), ("ethanol", "for training", "needed 9000")),
    ],
)
def test_bad_options(invoke, tmp_path, arguments, found):
    assert_refused(invoke(*arguments), *found)
    assert list(tmp_path.iterdir()) == []


def test_output_is_something_else(invoke, tmp_path):
    (tmp_path / "notes.json").write_text("my notes")
    assert_refused(invoke("--output", "notes.json"), "notes.json")
    assert (tmp_path / "notes.json").read_text() == "my notes"


def test_damaged_data(invoke, tmp_path):
    (tmp_path / "ethanol.npz").write_bytes(b"PK damaged")
    assert_refused(invoke("--data", tmp_path), "ethanol.npz", "cannot be read")


def test_generate_without_tblite(invoke, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tblite", None)
    result = invoke("--data", "new", "--generate")
    assert_refused(result, "tblite", "openmm-stegmn[xtb]", code=1)


@pytest.fixture
def generated(monkeypatch):
    """Stands in for the generator: writes vibrations under its label."""
    calls = []

    def generate(folder, molecules, settings, *, processes, progress):
        calls.append((list(molecules), settings.steps, processes))
        for molecule in molecules:
            folder.mkdir(exist_ok=True)
            metadata = json.dumps({"method": "GFN2-xTB"})
            write_md17(folder / f"{molecule}.npz", molecule, settings.steps, metadata=metadata)
            progress(molecule, settings.steps, settings.steps)

    monkeypatch.setattr(data_package, "generate_trajectories", generate)
    return calls


def test_generate_into_the_default_folder(tmp_path, monkeypatch, generated):
    monkeypatch.chdir(tmp_path)
    command = "benchmark md17 --molecules ethanol --models persistence --seeds 1 --generate"
    result = CliRunner().invoke(app, [*command.split(), "--steps", "16200", "--processes", "2"])
    assert result.exit_code == 0, result.output
    assert generated == [(["ethanol"], 16200, 2)]
    assert (tmp_path / "md17-gfn2-xtb" / "ethanol.npz").is_file()
    assert result.stderr.splitlines()[0] == "GFN2-xTB, ethanol (16200/16200 steps)"
    assert "GFN2-xTB" in result.stdout and "MD17," not in result.stdout
    values = json.loads((tmp_path / "benchmark-md17.json").read_text())
    assert {v["data"] for v in values} == {"GFN2-xTB"}


def test_too_few_steps_are_refused_before_any_is_made(invoke, tmp_path, generated):
    result = invoke("--data", "new", "--generate", "--steps", 16_000)
    assert_refused(result, "--steps 16000", "which need 16020")
    assert generated == [] and list(tmp_path.iterdir()) == []


def test_generate_leaves_files_of_md17(invoke, generated):
    result = invoke("--generate")
    assert result.exit_code == 0, result.output
    assert generated == [([], 60_000, 1)]
    assert "md17, MD17:" in result.stdout


def test_generate_refuses_other_settings(invoke, tmp_path):
    pytest.importorskip("tblite")
    pytest.importorskip("ase")
    metadata = json.dumps({"method": "GFN2-xTB", "steps": 100})
    write_md17(tmp_path / "ethanol.npz", "ethanol", 100, metadata=metadata)
    result = invoke("--data", tmp_path, "--generate")
    assert_refused(result, "made with other settings", "steps 100 (now 60000)")
