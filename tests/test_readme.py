"""The README's commands and code are what the project does."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def block_after(marker):
    found = re.search(rf"<!-- {marker} -->\n```bash\n(.*?)\n```", README, re.DOTALL)
    assert found, f"README has no fenced block after <!-- {marker} -->"
    return found[1]


def installs(command):
    """The extras that a pip command of the README asks for."""
    pip = shlex.split(command.split("&&")[0])
    assert pip[:3] == ["pip", "install", "-e"]
    return re.fullmatch(r"\.\[(.*)\]", pip[3])[1].split(",")


@pytest.mark.parametrize("marker", ["run-command", "test-command"])
def test_extras_exist(marker):
    extras = PROJECT["optional-dependencies"]
    for extra in installs(block_after(marker)):
        assert extra in extras


def test_all_extras_in_the_table_exist():
    named = set(re.findall(r'^\| `"\.\[(\w+)\]"`', README, re.MULTILINE))
    assert named == set(PROJECT["optional-dependencies"]) - {"docs", "test"}


def test_run_command_starts_this_program():
    program, command = shlex.split(block_after("run-command").split("&&")[1])
    assert PROJECT["scripts"][program] == "openmm_stegmn.cli:app"
    shown = subprocess.run(
        [sys.executable, "-c", "from openmm_stegmn.cli import app; app()", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert "hybrid simulation" in shown.stdout


def test_ci_runs_the_readmes_test_command():
    """Run the part of .ci/run that reads the README, and no more."""
    script = (ROOT / ".ci" / "run").read_text()
    reading = re.search(r'^command="\$\(.*\)"$', script, re.MULTILINE)[0]
    printed = subprocess.run(
        ["bash", "-c", f'set -euo pipefail\n{reading}\nprintf "%s" "$command"'],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert printed.stdout == block_after("test-command")


@pytest.mark.parametrize(
    "code", re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
)
def test_python_blocks_run(code, tmp_path):
    """Each Python block as printed, with a hundredth of the steps, in an empty folder."""
    short = re.sub(r"\b(\d{1,3})_?000\b(?=\))", lambda found: str(int(found[1]) * 10), code)
    result = subprocess.run(
        [sys.executable, "-c", short],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
    )
    assert result.returncode == 0, result.stderr


def test_links_to_files_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
