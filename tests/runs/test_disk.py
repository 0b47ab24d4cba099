"""A disk that is full, or may not be written: one clear error, and what was written stays."""

import subprocess
import sys

import MDAnalysis

from openmm_stegmn.runs import RunFolder

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


def test_folder_that_cannot_be_made(small_model, tmp_path):
    """In the place of a file, as permissions do not stop root."""
    (tmp_path / "file").write_text("mine")
    result = run(2**40, "--model", small_model, "--output", tmp_path / "file" / "out")
    assert result.returncode == 1, result.stderr
    assert result.stderr.startswith("error: ") and "Not a directory" in result.stderr
    assert "Traceback" not in result.stderr
