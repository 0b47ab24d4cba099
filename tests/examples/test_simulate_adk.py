"""``examples/simulate_adk.py``, on a smaller protein, for a few steps: it goes on where it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openmm_stegmn.data import read_protein
from openmm_stegmn.systems import packaged_structure

ROOT = Path(__file__).parents[2]


def simulate(folder, length):
    """Frames every 0.04 ps, two in a file."""
    command = [
        sys.executable, ROOT / "examples" / "simulate_adk.py", "--output", folder,
        "--pdb", packaged_structure("chignolin"), "--length", length, "--interval", 0.04,
        "--equilibration", 0.04, "--per-file", 2, "--platform", "CPU",
    ]  # fmt: skip
    env = os.environ | {"PYTHONPATH": str(ROOT), "OPENMM_CPU_THREADS": "1"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_goes_on_where_it_was(tmp_path):
    assert "from frame 0" in simulate(tmp_path, 0.16)
    parts = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert parts == ["adk-000000.dcd", "adk-000002.dcd"]
    before = (tmp_path / "frames" / parts[1]).read_bytes()
    found = read_protein(tmp_path / "adk.pqr", [tmp_path / "frames"])
    assert found.frames.shape == (4, 40, 3)
    assert found.interval == pytest.approx(0.04, rel=1e-3)
    assert len(found.bonds) == 39 and abs(float(found.charges.sum())) < 5
    # what was half written when it was killed is made again
    (tmp_path / "frames" / "adk-000004.part").write_bytes(b"half")
    assert "from frame 4" in simulate(tmp_path, 0.28)
    assert len(read_protein(tmp_path / "adk.pqr", [tmp_path / "frames"]).frames) == 7
    assert (tmp_path / "frames" / parts[1]).read_bytes() == before
    moved = read_protein(tmp_path / "adk.pqr", [tmp_path / "frames"]).frames.diff(dim=0)
    # thermal motion in 0.04 ps, also across the restart
    step = moved.square().sum(-1).mean(-1).sqrt()
    assert (step > 0.01).all() and (step < 0.6).all()
    assert "from frame 7" in simulate(tmp_path, 0.2)
