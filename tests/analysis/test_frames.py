"""What is read of the frames of files: hybrid ones, their copies, replicas, plain ones."""

import shutil

import h5py
import MDAnalysis
import numpy as np
import pytest
from synthetic import chain

from openmm_stegmn.analysis import (
    ConstraintAudit,
    HybridFrames,
    JumpAudit,
    OriginComparison,
    PhysicalLegs,
)
from openmm_stegmn.runs import RunSettings, hybrid_run
from openmm_stegmn.simulation import JUMP_KINDS
from openmm_stegmn.systems import build_system, packaged_structure

MD_FRAMES = 4


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_model):
    """Two replicas of alanine dipeptide, of 0.02 ps a frame."""
    folder = tmp_path_factory.mktemp("runs")
    paths = []
    for seed, guard in ((1, "none"), (2, "metropolis")):
        settings = RunSettings(
            model=str(small_model), length=1.5, equilibration=0.2, md_frames=MD_FRAMES,
            platform="Reference", backend="python", seed=seed, guard=guard, energies=True,
        )  # fmt: skip
        paths.append(str(hybrid_run(settings, folder / str(seed)).folder.trajectory))
    return paths


@pytest.fixture(scope="module")
def system():
    return build_system().system


def universe(*paths):
    return MDAnalysis.Universe(str(packaged_structure("alanine-dipeptide")), *paths)


def assert_equal(found, expected, *names):
    for name in names or ("time", "origin", "accepted", "energy_change", "replica"):
        # MDAnalysis writes times in single precision
        own, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(own, other, rtol=1e-6, err_msg=name)


def test_a_file_of_the_reporter(run):
    frames = HybridFrames.of(universe(run[0]).trajectory)
    assert frames.kinds == ("deterministic",) and frames.is_hybrid and not frames.exact
    assert frames.interval == 0.02 and len(frames) == 76
    jumps = np.flatnonzero(frames.jumped)
    assert jumps.tolist() == list(range(MD_FRAMES + 1, 76, MD_FRAMES + 1))
    assert frames.regular[1:].all() and not frames.regular[0]
    since = frames.since_jump[: jumps[1] + 1]
    assert since.tolist() == [-1] * jumps[0] + [0, 1, 2, 3, 4, 0]
    assert np.isfinite(frames.potential_energy).all() and (frames.kinetic_energy > 0).all()
    legs = PhysicalLegs(universe(run[0]), frames)
    assert set(legs.lengths[1:-1]) == {MD_FRAMES}


def test_stored_energies_are_those_of_openmm(run, system):
    """And are what is computed from the positions if they are not stored."""
    import dataclasses

    own = universe(run[0])
    frames = HybridFrames.of(own.trajectory)
    without = dataclasses.replace(frames, potential_energy=np.full(len(frames), np.nan))
    computed = JumpAudit(own.atoms, system, frames=without).run().results
    stored = JumpAudit(own.atoms, system, frames=frames).run().results
    np.testing.assert_allclose(computed.potential_energy, stored.potential_energy, atol=0.02)
    kinetic = stored.temperature * (66 - 12 - 3) * 8.314462618e-3 / 2
    np.testing.assert_allclose(kinetic, frames.kinetic_energy, rtol=1e-4)


def test_a_copy_that_mdanalysis_wrote(run, tmp_path):
    own, path = universe(run[1]), str(tmp_path / "copy.h5md")
    own.atoms.write(path, frames="all")
    copy = HybridFrames.of(universe(path).trajectory)
    frames = HybridFrames.of(own.trajectory)
    assert_equal(copy, frames)
    assert copy.kinds == frames.kinds == ("deterministic",) and copy.interval == 0.02


@pytest.mark.parametrize("kind", JUMP_KINDS)
def test_a_copy_keeps_the_kind_of_jumps(run, tmp_path, kind):
    """Which decides whether averages over all frames are right; of some frames and atoms too."""
    path, copied = tmp_path / "run.h5md", str(tmp_path / "copy.h5md")
    shutil.copy(run[0], path)
    with h5py.File(path, "r+") as file:
        file["observables/jump_kind/value"][:] = JUMP_KINDS.index(kind)
    own = universe(str(path))
    heavy = own.select_atoms("not element H")
    heavy.write(copied, frames=own.trajectory[::3])
    copy = MDAnalysis.Universe.empty(len(heavy))
    copy.load_new(copied)
    frames = HybridFrames.of(copy.trajectory)
    assert frames.kinds == (kind,) and frames.exact == (kind == "exact") and len(frames) == 26


def test_a_file_of_an_earlier_version_names_its_kind(run, tmp_path):
    """There it is in the settings alone, which copies lose."""
    path, copied = tmp_path / "old.h5md", str(tmp_path / "copy.h5md")
    shutil.copy(run[0], path)
    with h5py.File(path, "r+") as file:
        del file["observables/jump_kind"]
    assert HybridFrames.of(universe(str(path)).trajectory).kinds == ("deterministic",)
    own = universe(str(path))
    own.atoms.write(copied, frames="all")
    assert HybridFrames.of(universe(copied).trajectory).kinds == ()


def test_replicas_in_a_row(run):
    both = HybridFrames.of(universe(run).trajectory)
    parts = [HybridFrames.of(universe(path).trajectory) for path in run]
    assert both.replica.tolist() == [0] * len(parts[0]) + [1] * len(parts[1])
    for name in ("time", "origin", "energy_change"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(getattr(both, name), joined)
    # jumps of the first are none of the second's
    assert both.since_jump[len(parts[0])] == -1
    steps = np.diff(both.running_time)
    np.testing.assert_allclose(steps, np.where(np.diff(both.replica), 0.02, np.diff(both.time)))
    assert not both.regular[len(parts[0])]
    assert all(leg.replica in (0, 1) for leg in PhysicalLegs(universe(run), both))


def test_a_run_in_two_files_is_one_replica(run, tmp_path):
    own = universe(run[0])
    paths = [str(tmp_path / f"{n}.h5md") for n in (1, 2)]
    own.atoms.write(paths[0], frames=own.trajectory[:33])
    own.atoms.write(paths[1], frames=own.trajectory[33:])
    frames = HybridFrames.of(universe(paths).trajectory)
    assert_equal(frames, HybridFrames.of(own.trajectory))


def test_xtc_of_a_hybrid_run_with_the_origins_of_its_file(run, tmp_path):
    """Every analysis runs on stock formats; origins come from the file that has them."""
    own, path = universe(run[0]), str(tmp_path / "run.xtc")
    own.atoms.write(path, frames="all")
    xtc = universe(path)
    plain = HybridFrames.of(xtc.trajectory)
    assert (
        plain.kinds == ()
        and not plain.is_hybrid
        and plain.interval == pytest.approx(0.02, rel=1e-4)
    )
    assert len(PhysicalLegs(xtc)) == 1
    frames = HybridFrames.of_files(run[0])
    assert frames.kinds == ("deterministic",)
    audit = JumpAudit(xtc.atoms, frames=frames).run().results
    assert audit.attempted == audit.accepted == 15 and np.isnan(audit.temperature).all()
    found = OriginComparison(xtc.atoms, frames=frames, observables=["dihedrals"]).run().results
    assert found.comparisons[0].left == "jumped frames"


def test_analyses_of_replicas_parallel_and_serial(run, system):
    for analysis in (ConstraintAudit, JumpAudit):
        serial = analysis(universe(run).atoms, system).run().results
        parallel = analysis(universe(run).atoms, system).run(
            backend="multiprocessing", n_workers=2
        )  # fmt: skip
        for name, value in serial.items():
            if isinstance(value, np.ndarray) and name != "counts" and "kinetic" not in name:
                np.testing.assert_array_equal(parallel.results[name], value, name)
        if analysis is ConstraintAudit:
            assert serial.by_origin["jumped"]["worst"] < 1e-5


def test_arrays_of_ones_own():
    frames = HybridFrames.from_arrays([0, 1, 2, 0, 1], [0, 1, 0, 0, 2], constraint_error=np.ones(5))
    assert frames.replica.tolist() == [0, 0, 0, 1, 1]
    assert frames.accepted.tolist() == [-1, 1, -1, -1, 0]
    assert frames.constraint_error.tolist() == [1.0] * 5
    assert np.isnan(frames.energy_change).all() and frames.interval == 1
    assert frames[1:3].origin.tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"time has shape \(2,\), origin \(3,\)"):
        HybridFrames.from_arrays([0, 1], [0, 0, 0])
    with pytest.raises(ValueError, match=r"origins \[7\] are unknown"):
        HybridFrames.from_arrays([0, 1], [0, 7])
    with pytest.raises(ValueError, match="energy_change has shape"):
        HybridFrames.from_arrays([0, 1], [0, 0], energy_change=np.zeros(3))


def test_a_file_without_origins_is_refused_where_they_are_asked_for(tmp_path):
    path = tmp_path / "plain.h5md"
    chain(np.zeros(3)).atoms.write(str(path), frames="all", convert_units=False)
    with pytest.raises(ValueError, match="has no frames of HybridReporter"):
        HybridFrames.of_files(path)
    with pytest.raises(ValueError, match="cannot be read"):
        HybridFrames.of_files(tmp_path / "none.h5md")
