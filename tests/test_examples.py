"""The tutorials at their smallest."""

import os
import re
import subprocess
import sys
from pathlib import Path

import MDAnalysis as mda
import pytest

from openmm_stegmn.systems import packaged_structure

ROOT = Path(__file__).parents[1]


@pytest.fixture
def without_hydrogens(tmp_path):
    """As a crystal structure has it."""
    path = tmp_path / "mine.pdb"
    lines = packaged_structure("alanine-dipeptide").read_text().splitlines(keepends=True)
    hydrogen = lambda line: line.startswith(("ATOM", "HETATM")) and line[76:78].strip() == "H"  # noqa: E731
    path.write_text("".join(x for x in lines if not hydrogen(x) and not x.startswith("CONECT")))
    return path


def test_own_protein(tmp_path, without_hydrogens):
    found = subprocess.run(
        [sys.executable, ROOT / "examples" / "own_protein.py", "--pdb", without_hydrogens,
         "--picoseconds", "40", "--steps", "5", "--batch-size", "8", "--hidden", "8",
         "--threads", "1"],
        cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    steps = [line[:2] for line in found.stdout.splitlines() if line[:1].isdigit()]
    assert steps == ["1.", "2.", "3.", "4.", "5."]
    assert "1. prepared 22 atoms" in found.stdout and "evaluated: stegmn: torsion" in found.stdout
    folder = tmp_path / "own-protein"
    universe = mda.Universe(str(folder / "prepared.pdb"), str(folder / "hybrid.h5md"))
    assert len(universe.trajectory) > 10
    assert (folder / "mine.training" / "learning_curve.png").is_file()


def test_exact_sampling(tmp_path):
    found = subprocess.run(
        [sys.executable, ROOT / "examples" / "exact_sampling.py", "--picoseconds", "20"],
        cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "exact jumps; guard metropolis (4 tries" in found.stdout
    assert "jumps beside legs, Ramachandran: " in found.stdout
    shares = [float(share) for share in re.findall(r"αR (\S+) ± \S+ from 10 blocks", found.stdout)]
    assert len(shares) == 2 and all(0 <= share <= 1 for share in shares)
    topology = str(tmp_path / "topology.pdb")
    exact = mda.Universe(topology, str(tmp_path / "exact.h5md"))
    origins = [step.data["origin"] for step in exact.trajectory]
    # Ten legs of four frames, each with a jump
    assert len(origins) == 50 and origins.count(1) == 10
    # Plain dynamics as long as the legs
    assert len(mda.Universe(topology, str(tmp_path / "plain.xtc")).trajectory) == 40
