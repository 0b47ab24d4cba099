"""``openmm-stegmn benchmark sampling``: what it refuses before anything is simulated."""

import pytest
from refusals import assert_refused
from typer.testing import CliRunner

from openmm_stegmn.cli import app


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--seconds", "0"], "seconds must be positive, got 0"),
        (["--molecules", "water"], "water not known; there are: alanine-dipeptide"),
        (["--reference", "-1"], "reference_ns must be positive, got -1"),
    ],
)
def test_refused(arguments, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["benchmark", "sampling", *arguments])
    assert_refused(result, found)
    assert list(tmp_path.iterdir()) == []
