"""Constraint violations that are known."""

import MDAnalysis
import numpy as np
import openmm
import pytest
from synthetic import chain_positions, hybrid_frames, universe_of

from openmm_stegmn.analysis import ConstraintAudit

PAIRS, LENGTHS = [[0, 1], [1, 2], [2, 3]], [1.5, 1.5, 1.5]


@pytest.fixture
def frames():
    """Two rows of a jump and three physical frames."""
    return hybrid_frames(2, 3)


@pytest.fixture
def universe(frames):
    """The last bond is 1 % too long in the second jump, the first 0.1 % too short in frame 2."""
    positions = chain_positions(np.zeros(len(frames)))
    positions[4, 3] += 0.01 * (positions[4, 3] - positions[4, 2])
    positions[2, 0] -= 0.001 * (positions[2, 0] - positions[2, 1])
    return universe_of(positions)


def audit(universe, frames, run=None, **options):
    values = {"pairs": PAIRS, "lengths": LENGTHS} | options
    return ConstraintAudit(universe.atoms, frames=frames, **values).run(**run or {}).results


def test_known_violations(universe, frames):
    found = audit(universe, frames)
    expected = np.zeros(8)
    expected[[2, 4]] = 0.001, 0.01
    np.testing.assert_allclose(found.worst, expected, atol=1e-6)
    np.testing.assert_allclose(found.mean, expected / 3, atol=1e-6)
    assert found.by_origin["jumped"]["worst"] == pytest.approx(0.01, rel=1e-4)
    assert found.by_origin["jumped"]["worst_angstrom"] == pytest.approx(0.015, rel=1e-4)
    assert found.by_origin["physical"]["worst"] == pytest.approx(0.001, rel=1e-3)
    assert [found.by_origin[kind]["frames"] for kind in ("physical", "jumped")] == [6, 2]
    np.testing.assert_allclose(found.worst_of_constraint[1], [0, 0, 0.01], atol=1e-6)
    np.testing.assert_allclose(found.mean_of_constraint[0], [0.001 / 6, 0, 0], atol=1e-6)
    assert found.times.tolist() == list(range(8))
    assert 1e-8 < found.resolution < 1e-6


@pytest.mark.parametrize(
    "backend", ["multiprocessing", pytest.param("dask", marks=pytest.mark.slow)]
)
def test_parallel_equals_serial(universe, frames, backend):
    if backend == "dask":
        pytest.importorskip("dask")
    serial = audit(universe, frames)
    parallel = audit(universe, frames, {"backend": backend, "n_workers": 2})
    for name in ("worst", "mean", "times", "worst_of_constraint", "mean_of_constraint"):
        np.testing.assert_array_equal(parallel[name], serial[name])
    assert parallel.by_origin == serial.by_origin


def test_constraints_of_a_system_and_of_a_part(universe, frames):
    system = openmm.System()
    for _ in range(4):
        system.addParticle(12.0)
    for pair in PAIRS:
        system.addConstraint(*pair, 0.15)
    found = audit(universe, frames, pairs=None, lengths=None, system=system)
    np.testing.assert_array_equal(found.worst, audit(universe, frames).worst)
    part = ConstraintAudit(universe.atoms[:3], system, frames=frames).run().results
    assert part.pairs.tolist() == PAIRS[:2] and part.worst[4] < 1e-6


def test_a_frame_slice(universe, frames):
    found = audit(universe, frames, {"start": 4, "step": 2})
    assert found.times.tolist() == [4, 6] and found.worst[0] == pytest.approx(0.01, rel=1e-4)


def test_rounding_of_xtc_is_told(tmp_path):
    """Coordinates in steps of 0.01 Å cannot show that constraints hold to 1e-6."""
    row = chain_positions(np.zeros(5)) + 0.003
    positions = np.concatenate([row, row + [0, 0, 4], row + [0, 4, 0]], axis=1)
    universe = universe_of(positions, names=["C"] * 12)  # XTC keeps ten atoms or more as integers
    universe.dimensions = [30, 30, 30, 90, 90, 90]
    universe.atoms.write(str(tmp_path / "run.xtc"), frames="all")
    universe.atoms.write(str(tmp_path / "top.gro"))
    read = MDAnalysis.Universe(str(tmp_path / "top.gro"), str(tmp_path / "run.xtc"))
    found = ConstraintAudit(read.atoms, pairs=PAIRS, lengths=LENGTHS).run().results
    assert found.by_origin["jumped"]["frames"] == 0 and np.isnan(found.by_origin["jumped"]["worst"])
    assert found.resolution == pytest.approx(2 * np.sqrt(3) * 0.005 / 1.5)
    assert 1e-5 < found.worst[0] < found.resolution


def test_no_constraints(universe, frames):
    found = audit(universe, frames, pairs=[], lengths=[])
    assert found.worst.tolist() == [0.0] * 8


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"pairs": None, "lengths": None}, "pass one of both"),
        ({"lengths": None}, "pass one of both"),
        ({"lengths": [1.5]}, "3 pairs and lengths of shape"),
        ({"lengths": [1.5, -1.5, 1.5]}, "one positive length"),
        ({"pairs": [[0, 1], [1, 2], [2, 9]]}, "atoms 0 to 9, the universe has 0 to 3"),
        ({"pairs": None, "lengths": None, "system": openmm.System()}, "0 particles.*4 atoms"),
    ],
)
def test_bad_input(universe, frames, options, told):
    with pytest.raises(ValueError, match=told):
        audit(universe, frames, **options)
