"""Help must not wait for torch and OpenMM."""

import subprocess
import sys

from typer.testing import CliRunner

from openmm_stegmn.cli import app


def test_help_lists_the_commands():
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for command in ("run", "train", "analyze", "info", "benchmark"):
        assert command in result.stdout


def test_help_imports_nothing_heavy():
    code = "import sys, openmm_stegmn.cli; print({'torch', 'openmm', 'h5py'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"
