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
    assert not imported("openmm_stegmn.cli", {"torch", "openmm", "h5py"})


def test_runs_import_nothing_that_they_do_without():
    needless = {"MDAnalysis", "deeptime", "lightning", "matplotlib", "openmmtools"}
    assert not imported("openmm_stegmn.runs", needless)


def imported(module, names):
    """Which of some modules a new process has after it imported one."""
    code = f"import sys, {module}; print(*({names} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout.split()
