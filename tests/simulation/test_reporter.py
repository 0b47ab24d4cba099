"""The file that a hybrid run leaves."""

import os
import shutil
import sys

import h5py
import MDAnalysis
import numpy as np
import pytest
from alanine import (
    FRAME,
    MD_FRAMES,
    STEPS_PER_FRAME,
    arrays,
    langevin,
    peptide,
    simulation,
    window,
)
from openmm import app
from platforms import platform

from openmm_stegmn.simulation import HybridReporter
from openmm_stegmn.simulation._h5md import H5MDFile
from openmm_stegmn.systems import packaged_structure

LEG = MD_FRAMES * STEPS_PER_FRAME


def reported(path, steps=3 * (LEG + 1), **options):
    made = simulation(**options)
    with HybridReporter(path, made.integrator) as reporter:
        made.reporters.append(reporter)
        made.step(steps)
    return made


def universe(path):
    return MDAnalysis.Universe(str(packaged_structure("alanine-dipeptide")), str(path))


def test_stock_mdanalysis_reads_it(tmp_path, backend):
    path = tmp_path / "hybrid.h5md"
    made = reported(path, known={}, backend=backend)
    frames = universe(path).trajectory
    times = [ts.time for ts in frames]
    np.testing.assert_allclose(times, FRAME * np.arange(3 * (MD_FRAMES + 1) + 1), atol=1e-9)
    assert [int(ts.data["origin"]) for ts in frames] == [0] + 3 * ([0] * MD_FRAMES + [1])
    assert [int(ts.data["accepted"]) for ts in frames] == [-1] + 3 * ([-1] * MD_FRAMES + [1])
    changes = np.array([ts.data["energy_change"] for ts in frames])
    assert np.isfinite(changes[[5, 10, 15]]).all() and np.isnan(changes).sum() == 13
    errors = np.array([ts.data["constraint_error"] for ts in frames])
    # The first positions are as rounded in the PDB file.
    assert (errors[1:] < 2e-5).all() and (errors[[5, 10, 15]] < 1e-6).all()
    steps = [int(ts.data["step"]) for ts in frames]
    assert steps[:7] == [0, 5, 10, 15, 20, 21, 26]
    last = frames[-1]
    positions, velocities = arrays(made)
    np.testing.assert_allclose(last.positions, 10 * positions, atol=1e-5)
    np.testing.assert_allclose(last.velocities, 10 * velocities, atol=1e-3)
    assert last.dimensions is None


def test_frames_are_those_of_the_window(tmp_path):
    path = tmp_path / "hybrid.h5md"
    made = reported(path)
    positions = np.array([ts.positions.copy() for ts in universe(path).trajectory[-3:]])
    np.testing.assert_allclose(positions, 10 * window(made), atol=1e-5)


@pytest.mark.parametrize(("shift", "change"), [(1.0, "finite"), (np.nan, "infinite")])
def test_rejected_jump_makes_no_frame_and_marks_the_next(tmp_path, shift, change):
    path = tmp_path / "hybrid.h5md"
    reported(path, known={"shift": shift})
    frames = universe(path).trajectory
    times = np.array([ts.time for ts in frames])
    np.testing.assert_allclose(np.diff(times), FRAME, atol=1e-9)
    origins = [int(ts.data["origin"]) for ts in frames]
    assert origins == [0] * (MD_FRAMES + 1) + 2 * ([2] + [0] * (MD_FRAMES - 1))
    marked = frames[MD_FRAMES + 1]
    assert marked.data["accepted"] == 0
    assert marked.data["energy_change"] > 40
    assert np.isinf(marked.data["energy_change"]) == (change == "infinite")


def test_settings_are_in_the_file(tmp_path):
    path = tmp_path / "hybrid.h5md"
    made = reported(path, steps=1)
    with h5py.File(path) as file:
        stored = dict(file["parameters/openmm_stegmn"].attrs)
        assert file["h5md/creator"].attrs["name"] == "openmm-stegmn"
    assert stored["jump_kind"] == "deterministic" and stored["model"] == "torsion-linear"
    assert stored["seed"] == 7 and stored["md_frames"] == MD_FRAMES
    assert stored["guard"] == made.integrator.describe()["guard"]


def test_file_can_be_read_while_it_is_written(tmp_path):
    """What a killed run would leave: nothing is closed here."""
    path = tmp_path / "hybrid.h5md"
    made = simulation()
    made.reporters.append(HybridReporter(path, made.integrator))
    made.step(12)
    copy = tmp_path / "copy.h5md"
    shutil.copy(path, copy)
    assert len(universe(copy).trajectory) == 3


def test_existing_file_is_not_touched(tmp_path):
    path = tmp_path / "hybrid.h5md"
    path.write_text("precious")
    made = simulation()
    with pytest.raises(FileExistsError, match="hybrid.h5md exists"):
        HybridReporter(path, made.integrator)
    assert path.read_text() == "precious"
    with pytest.raises(ValueError, match="exclude"):
        HybridReporter(path, made.integrator, append=True, overwrite=True)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        HybridReporter(tmp_path / "no" / "hybrid.h5md", made.integrator)
    made.reporters.append(HybridReporter(path, made.integrator, append=True))
    with pytest.raises(ValueError, match="not a hybrid trajectory"):
        made.step(1)
    assert path.read_text() == "precious"
    made.reporters[-1] = HybridReporter(path, made.integrator, overwrite=True)
    made.step(STEPS_PER_FRAME)
    assert len(universe(path).trajectory) == 2


def test_a_file_without_settings_is_told_of_again_and_again(tmp_path):
    path = tmp_path / "hybrid.h5md"
    reported(path, steps=1)
    with h5py.File(path, "r+") as file:
        del file["parameters"]
    made, errors = simulation(), []
    for _ in range(2):  # with the error before still known
        made.reporters[:] = [HybridReporter(path, made.integrator, append=True)]
        with pytest.raises(ValueError, match="not a hybrid trajectory .*not found") as found:
            made.step(1)
        errors.append(found.value)
    assert [one.name for one in tmp_path.iterdir()] == ["hybrid.h5md"]


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize("saved_at", [12, LEG, LEG + 1])
def test_append_after_a_checkpoint(tmp_path, saved_at, shift):
    """In a leg, before a jump, and just after one that was accepted or rejected."""
    whole, part, checkpoint = (tmp_path / name for name in ("whole.h5md", "part.h5md", "run.chk"))
    total = 2 * (LEG + 1) + 8
    made = simulation(known={"shift": shift})
    made.reporters.append(HybridReporter(whole, made.integrator))
    made.step(saved_at)
    made.saveCheckpoint(str(checkpoint))
    assert made.integrator.statistics.rejected == (shift > 0 and saved_at > LEG)
    made.step(3)
    shutil.copy(whole, part)  # a run that was killed after its checkpoint
    made.step(total - saved_at - 3)
    made.reporters[0].close()

    again = simulation(known={"shift": shift})
    again.loadCheckpoint(str(checkpoint))
    with HybridReporter(part, again.integrator, append=True) as reporter:
        again.reporters.append(reporter)
        again.step(total - saved_at)
    ours, theirs = universe(part).trajectory, universe(whole).trajectory
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_array_equal(one.velocities, other.velocities)
        assert one.time == other.time
        np.testing.assert_equal(dict(one.data), dict(other.data))


def test_append_refuses_another_run(tmp_path):
    path = tmp_path / "hybrid.h5md"
    reported(path, steps=1)
    before = path.read_bytes()
    other = simulation(jumps=2)
    other.reporters.append(HybridReporter(path, other.integrator, append=True))
    with pytest.raises(ValueError, match="other settings, jumps 1 .now 2."):
        other.step(1)
    foreign = simulation()
    foreign.topology = next_residue_name(foreign.topology)
    foreign.reporters.append(HybridReporter(path, foreign.integrator, append=True))
    with pytest.raises(ValueError, match="another system"):
        foreign.step(1)
    with h5py.File(path) as file:
        assert len(file["particles/trajectory/position/value"]) == 1
    assert len(before) == path.stat().st_size


def next_residue_name(topology):
    changed = app.Modeller(topology, peptide()[2]).topology
    next(changed.residues()).name = "XXX"
    return changed


def test_append_without_a_file_begins_one(tmp_path):
    made = simulation()
    made.reporters.append(HybridReporter(tmp_path / "new.h5md", made.integrator, append=True))
    made.step(1)
    assert len(universe(tmp_path / "new.h5md").trajectory) == 1


def test_nothing_is_written_for_broken_positions(tmp_path):
    made = simulation()
    positions = arrays(made)[0]
    positions[0] = np.inf
    made.context.setPositions(positions)
    made.reporters.append(HybridReporter(tmp_path / "hybrid.h5md", made.integrator))
    with pytest.raises(ValueError, match="not finite"):
        made.step(10)
    assert not (tmp_path / "hybrid.h5md").exists()


def test_frame_that_ctrl_c_kept_from_the_reporter(tmp_path):
    made = simulation(known={})
    path = tmp_path / "hybrid.h5md"
    with HybridReporter(path, made.integrator) as reporter:
        made.reporters.append(reporter)
        made.step(LEG)
        made.integrator.step(1)  # as if interrupted after it
        made.step(STEPS_PER_FRAME)
    assert [int(ts.data["origin"]) for ts in universe(path).trajectory] == [0] * 5 + [1, 0]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="root may write nearly anywhere")
def test_place_that_cannot_be_written():
    made = simulation(known={})
    made.reporters.append(HybridReporter("/proc/hybrid.h5md", made.integrator))
    with pytest.raises(OSError, match="/proc/hybrid.h5md"):
        made.step(LEG)
    del made.reporters[:]
    made.step(LEG + 1 - made.context.getStepCount())
    assert made.integrator.statistics.attempted == 1


def test_energies_are_written_if_they_are_asked_for(tmp_path):
    """Those of physics, and gone on with as the file was begun."""
    path = tmp_path / "hybrid.h5md"
    made = simulation(known={})
    with HybridReporter(path, made.integrator, energies=True) as reporter:
        made.reporters.append(reporter)
        made.step(LEG + 1)
    del made.reporters[:]
    with HybridReporter(path, made.integrator, append=True) as reporter:
        made.reporters.append(reporter)
        made.step(2 * STEPS_PER_FRAME)
    frames = universe(path).trajectory
    state = made.context.getState(energy=True, groups=set(range(31)))
    last = frames[-1].data
    assert last["potential_energy"] == pytest.approx(state.getPotentialEnergy()._value)
    assert last["kinetic_energy"] == pytest.approx(state.getKineticEnergy()._value)
    energies = [float(ts.data["potential_energy"]) for ts in frames]
    assert len(energies) == MD_FRAMES + 4 and np.isfinite(energies).all()
    reported(tmp_path / "default.h5md", steps=LEG)
    with h5py.File(tmp_path / "default.h5md") as file:
        assert "potential_energy" not in file["observables"]


def test_universe_of_the_old_file_does_not_spoil_the_new_one(tmp_path):
    """HDF5 shares what it knows of a file within a process."""
    path = tmp_path / "hybrid.h5md"
    reported(path)
    old = universe(path)
    count = len(old.trajectory)
    before = old.trajectory[-1].positions.copy()
    made = simulation(seed=8)
    with HybridReporter(path, made.integrator, overwrite=True) as reporter:
        made.reporters.append(reporter)
        made.step(LEG)
    new = universe(path)
    assert len(new.trajectory) == MD_FRAMES + 1
    np.testing.assert_allclose(new.trajectory[-1].positions, 10 * arrays(made)[0], atol=1e-5)
    assert len(old.trajectory) == count
    np.testing.assert_array_equal(old.trajectory[-1].positions, before)


def test_readers_of_a_file_that_is_gone_on_with_are_told_of(tmp_path, recwarn):
    path = tmp_path / "hybrid.h5md"
    made = reported(path, LEG)
    reader = universe(path)

    def go_on():
        del made.reporters[:]
        recwarn.clear()
        with HybridReporter(path, made.integrator, append=True) as reporter:
            made.reporters.append(reporter)
            made.step(STEPS_PER_FRAME)
        return [str(one.message) for one in recwarn if "open for reading" in str(one.message)]

    made.step(0)
    told = go_on()
    assert len(told) == 1 and str(path) in told[0]
    reader.trajectory.close()
    assert not go_on()
    assert len(universe(path).trajectory) == MD_FRAMES + 3
    old = universe(path)
    copy = tmp_path / "copy.h5md"
    shutil.copy(path, copy)
    copy.replace(path)  # the reader has another file now, of which the name is no more
    assert not go_on()
    assert len(old.trajectory) == MD_FRAMES + 3
    assert len(universe(path).trajectory) == MD_FRAMES + 4


@pytest.mark.parametrize("options", [{"append": True}, {"overwrite": True}])
def test_file_that_another_reporter_has(options, tmp_path):
    path = tmp_path / "hybrid.h5md"
    first = simulation()
    first.reporters.append(HybridReporter(path, first.integrator))
    first.step(STEPS_PER_FRAME)
    second = simulation()
    second.reporters.append(HybridReporter(path, second.integrator, **options))
    with pytest.raises(BlockingIOError, match=r"Another reporter, .* has .*hybrid\.h5md open"):
        second.step(1)
    reader = universe(path).trajectory
    assert len(reader) == 2
    reader.close()
    first.reporters[0].close()
    second.step(LEG)
    second.reporters[0].close()
    assert len(universe(path).trajectory) == MD_FRAMES + 1


def test_new_file_that_cannot_be_begun_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "hybrid.h5md"
    reported(path, LEG)
    made = simulation()
    made.reporters.append(HybridReporter(path, made.integrator, overwrite=True))
    with monkeypatch.context() as patch:
        patch.setattr(H5MDFile, "_add", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            made.step(1)
    assert len(universe(path).trajectory) == MD_FRAMES + 1
    assert [one.name for one in tmp_path.iterdir()] == ["hybrid.h5md"]
    path.chmod(0o444)
    if not os.access(path, os.W_OK):  # as root may
        with pytest.raises(PermissionError, match="hybrid.h5md"):
            made.step(1)


def test_reporters_that_cannot_report(tmp_path):
    path = tmp_path / "hybrid.h5md"
    made, other = simulation(), simulation()
    with pytest.raises(ValueError, match="must be a STEGMNPropagator, found LangevinMiddleInt"):
        HybridReporter(path, langevin())
    for options in ({}, {"append": True}, {"overwrite": True}):
        with pytest.raises(IsADirectoryError, match="is a folder: expected the name of a file"):
            HybridReporter(tmp_path, made.integrator, **options)
    made.reporters.append(HybridReporter(path, other.integrator))
    with pytest.raises(ValueError, match="another propagator than the simulation's integrator"):
        made.step(1)
    topology, system, positions = peptide()
    plain = app.Simulation(topology, system, langevin(), *platform())
    plain.context.setPositions(positions)
    plain.reporters.append(HybridReporter(path, other.integrator))
    with pytest.raises(ValueError, match=r"integrator \(LangevinMiddleIntegrator\)"):
        plain.step(1)
    assert not path.exists()


def test_closed_reporter_says_so(tmp_path):
    path = tmp_path / "hybrid.h5md"
    made = reported(path, LEG)
    with pytest.raises(ValueError, match=r"reporter of .*hybrid\.h5md is closed: take it out"):
        made.step(1)
    made.reporters[:] = [HybridReporter(path, made.integrator, append=True)]
    made.step(1)
