"""``openmm-stegmn info``."""

import re

import pytest
from typer.testing import CliRunner

from openmm_stegmn.cli import app


def test_says_what_a_model_file_is(small_model):
    result = CliRunner().invoke(app, ["info", str(small_model)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    rows = dict(re.findall(r"│ (.+?) +│ (.+?) +│", result.stdout))
    assert rows["architecture"] == "torsion-linear"
    assert rows["atoms"] == "22 (C6 H12 N2 O2)"
    assert rows["residues"] == "ACE ALA NME"
    assert rows["frame interval"] == "0.02 ps"
    assert rows["temperature"] == "300 K"
    assert rows["masses"].startswith("144.1")
    assert rows["constraints"].startswith("12, 1.0100 to 1.0900")
    assert rows["provenance: data"] == "none"
    assert re.fullmatch("[0-9a-f]{64}", rows["SHA-256"])


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"lags": [None, 2, 40]}, "none (equilibrium); may be set from 0.04 to 0.8 ps"),
        ({"lags": [1, 5], "lag": 5}, "0.1 ps; may be set from 0.02 to 0.1 ps"),
        ({"lags": [None]}, "none (equilibrium)"),
        (None, "0.02 ps"),
    ],
)
def test_says_how_far_jumps_go(make_small_model, config, expected):
    changes = {} if config is None else {"architecture": "stegmn-proposal", "history": 1}
    path = make_small_model("proposal", config=config or {}, **changes)
    result = CliRunner().invoke(app, ["info", str(path)], env={"COLUMNS": "200"})
    assert dict(re.findall(r"│ (.+?) +│ (.+?) +│", result.stdout))["time of a jump"] == expected


def test_unreadable_model(tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"no model")
    result = CliRunner().invoke(app, ["info", str(path)])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ") and str(path) in result.stderr
    assert len(result.stderr.splitlines()) == 1
