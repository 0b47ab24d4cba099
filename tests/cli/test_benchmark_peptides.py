"""``openmm-stegmn benchmark peptides``, on trajectories of picoseconds."""

import json

import pytest
from refusals import assert_refused
from typer.testing import CliRunner

from openmm_stegmn.benchmarks import _seeded_training
from openmm_stegmn.cli import app

SMALL = {
    "--molecules": "alanine-dipeptide", "--models": "persistence,torsion-linear-ar",
    "--intervals": "0.1,0.2", "--replicas": 3, "--length": 5, "--equilibration": 0.5,
    "--states": 2, "--repeats": 2, "--processes": 1, "--data": "data", "--device": "cpu",
}  # fmt: skip


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Call ``benchmark peptides`` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, **changes):
        options = SMALL | {f"--{name}": value for name, value in changes.items()}
        pairs = [str(part) for pair in options.items() for part in pair]
        return CliRunner().invoke(app, ["benchmark", "peptides", *pairs, *arguments])

    return call


def test_tables_and_records(invoke, tmp_path):
    result = invoke()
    assert result.exit_code == 0, result.output
    values = json.loads((tmp_path / "benchmark-peptides.json").read_text())
    assert len(values) == 2 * 5
    assert {v["benchmark"] for v in values} == {"peptides"}
    first, second = result.stdout.strip().split("\n\nalanine-dipeptide")
    assert "0.1 ps" in first.splitlines()[0] and "0.2 ps" in second.splitlines()[0]
    names = [row.split("|")[1].strip() for row in first.splitlines()[4:]]
    references = ["noise floor", "true torsions", "closest turns"]
    assert names == [*references, "persistence", "torsion-linear-ar"]
    lines = result.stderr.splitlines()
    assert lines[0] == "alanine-dipeptide: replicas (0/3 files)"
    assert lines[-1] == "done (10/10 records)"
    again = invoke()
    assert again.stdout == result.stdout
    assert again.stderr.splitlines() == ["done (10/10 records)"]


def test_generate_only(invoke, tmp_path):
    result = invoke("--generate-only")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert len(list((tmp_path / "data" / "alanine-dipeptide").iterdir())) == 5


def test_interrupt_keeps_what_is_done(invoke, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_seeded_training, "train", interrupted)
    assert_refused(invoke(), "interrupted", "benchmark-peptides.json and data", code=130)
    assert len(json.loads((tmp_path / "benchmark-peptides.json").read_text())) == 3


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"molecules": "ethanol"}, ("ethanol", "alanine-dipeptide, chignolin")),
        ({"molecules": ","}, ("no molecules",)),
        ({"models": "stegmn,sgetmn"}, ("sgetmn", "stegmn-elastic")),
        ({"intervals": "0.1;1"}, ("intervals '0.1;1'",)),
        ({"intervals": "0.15"}, ("0.15 ps", "0.1 ps")),
        ({"intervals": "nan"}, ("nan",)),
        ({"device": "tpu"}, ("'tpu'",)),
        ({"replicas": 2}, ("replicas must be at least 3",)),
        ({"length": "nan"}, ("length must be positive",)),
        ({"states": 50}, ("5 states", "50 are asked for")),
        ({"platform": "Abacus"}, ("platform 'Abacus'",)),
        ({"length": 1, "states": 2}, ("1 states",)),
    ],
)
def test_bad_options(invoke, tmp_path, changes, found):
    assert_refused(invoke(**changes), *found)
    assert not list(tmp_path.rglob("*.npz"))


def test_trajectories_with_other_settings(invoke):
    invoke("--generate-only")
    assert_refused(invoke(length=6), "replica-000.npz", "length 5.0 (now 6.0)", "another folder")
    assert_refused(invoke(intervals="1"), "none after 1 ps")
