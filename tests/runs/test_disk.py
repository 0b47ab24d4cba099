"""A disk that is full, or may not be written: one clear error, and what was written stays."""

import errno
import os
import subprocess
import sys
import tempfile

import MDAnalysis
import pytest
from refusals import assert_refused
from typer.testing import CliRunner

from openmm_stegmn.cli import app
from openmm_stegmn.runs import RunFolder, RunSettings, hybrid_run

FULL = """
import resource, signal, sys
from openmm_stegmn.cli import app
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
app()
"""


def run(limit, *arguments):
    """``openmm-stegmn run`` in a process whose files may not become larger than `limit` bytes."""
    command = [sys.executable, "-c", FULL, str(limit), "run", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_full_disk(small_model, tmp_path):
    folder = RunFolder(tmp_path / "out")
    options = ["--model", small_model, "--platform", "Reference", "--backend", "python"]
    options += ["--equilibration", 0.1, "--md-frames", 4, "--length", 20, "--output", folder.path]
    result = run(150_000, *options)
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("error: ") == 1
    message = " ".join(result.stderr.split())
    assert f"File too large: '{folder.trajectory}'" in message
    assert f"{folder.checkpoint} holds the last good state" in message
    universe = MDAnalysis.Universe(str(folder.topology), str(folder.trajectory))
    frames = [frame.time for frame in universe.trajectory]
    universe.trajectory.close()
    assert len(frames) > 10
    result = run(2**40, "--restart", "--output", folder.path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["file/out", "x" * 300, "/proc/out"])
def test_folder_that_cannot_be_made(tmp_path, name):
    """Told before anything else is looked at. Permissions do not stop root, other things do."""
    (tmp_path / "file").write_text("mine")
    output = tmp_path / name
    command = ["run", "--pdb", "absent.pdb", "--output", str(output)]
    for more, found in (
        ([], (f"output {output}: ", " is not writable (", "choose another with --output")),
        (["--overwrite"], (f"output {output}: ", " is not writable (")),
        (["--restart"], ("holds no run to continue",)),
    ):
        assert_refused(CliRunner().invoke(app, command + more), *found)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_folder_that_is_not_writable(tmp_path, monkeypatch, small_model):
    """A new one, or one to go on in."""
    settings = RunSettings(
        model=small_model, platform="Reference", backend="python", equilibration=0.1, length=0.1
    )
    folder = hybrid_run(settings, tmp_path / "old").folder
    before = {path: path.read_bytes() for path in folder.path.iterdir()}

    def refuse(dir):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    for output, checked, more in (
        (tmp_path / "new" / "out", tmp_path, []),
        (folder.path, folder.path, ["--overwrite"]),
        (folder.path, folder.path, ["--restart", "--length", "1"]),
    ):
        result = CliRunner().invoke(app, ["run", "--output", str(output), *more])
        assert_refused(result, f"the folder {checked} is not writable (Read-only file system)")
    assert {path: path.read_bytes() for path in folder.path.iterdir()} == before
    assert list(tmp_path.iterdir()) == [folder.path]
