"""When steps are made, when jumps, and what the clock says."""

import os
import signal

import numpy as np
import openmm
import pytest
from alanine import (
    FRAME,
    HISTORY,
    MD_FRAMES,
    STEPS_PER_FRAME,
    TIME_STEP,
    KnownJump,
    arrays,
    peptide,
    simulation,
    spec_for,
    window,
)
from platforms import platform

from openmm_stegmn.simulation._member import PROJECT

CYCLE = MD_FRAMES * STEPS_PER_FRAME + 1


@pytest.mark.parametrize("chunks", [[1] * 64, [7] * 9 + [1], [0, 64], [21, 0, 21, 1, 21], [63, 1]])
def test_trajectory_does_not_depend_on_chunks(chunks):
    whole = simulation()
    whole.step(64)
    parts = simulation()  # only now: on Reference all Contexts draw from one random stream
    for chunk in chunks:
        parts.integrator.step(chunk)
    assert sum(chunks) == 64 and parts.currentStep == 64
    np.testing.assert_array_equal(arrays(parts), arrays(whole))
    np.testing.assert_array_equal(window(parts), window(whole))
    assert parts.integrator.statistics == whole.integrator.statistics


def test_steps_and_clock_with_accepted_jumps(backend):
    made = simulation(known={}, backend=backend)
    made.step(3 * CYCLE)
    statistics = made.integrator.statistics
    assert (statistics.attempted, statistics.accepted) == (3, 3)
    assert statistics.physical_steps == 3 * MD_FRAMES * STEPS_PER_FRAME
    assert statistics.frames == 1 + 3 * (MD_FRAMES + 1)
    assert made.currentStep == 3 * CYCLE
    assert made.context.getTime()._value == pytest.approx(3 * (MD_FRAMES + 1) * FRAME)
    assert statistics.jumped_time + statistics.physical_time == pytest.approx(15 * FRAME)


def test_rejected_jump_counts_a_step_and_no_time():
    made = simulation(known={"shift": 1.0})
    made.step(CYCLE)
    assert made.integrator.statistics.rejected_energy == 1
    assert made.currentStep == CYCLE
    assert made.context.getTime()._value == pytest.approx(MD_FRAMES * FRAME)


def test_jumps_in_a_row_end_at_a_rejection():
    row = simulation(known={}, jumps=3)
    row.step(MD_FRAMES * STEPS_PER_FRAME + 3)
    assert row.integrator.statistics.accepted == 3
    assert row.integrator.steps_to_next_frame() == STEPS_PER_FRAME
    refused = simulation(known={"shift": 1.0}, jumps=3)
    refused.step(CYCLE + 1)
    assert refused.integrator.statistics.attempted == 1
    assert refused.integrator.statistics.physical_steps == MD_FRAMES * STEPS_PER_FRAME + 1


def test_no_jump_before_the_window_is_full():
    made = simulation(known={}, md_frames=1)
    made.step((HISTORY - 1) * STEPS_PER_FRAME)
    assert made.integrator.statistics.attempted == 0
    assert made.integrator.steps_to_next_frame() == 1
    made.step(1)
    assert made.integrator.statistics.attempted == 1


def test_window_holds_the_last_frames():
    made = simulation()
    frames = [arrays(made)[0]]
    while len(frames) < 12:
        made.step(made.integrator.steps_to_next_frame())
        if made.integrator.statistics.frames > len(frames):
            frames.append(arrays(made)[0])
            shown = window(made)[-len(frames) :]
            np.testing.assert_array_equal(shown, frames[-HISTORY:])
    assert made.integrator.statistics.accepted > 0


def test_longer_horizon_advances_the_clock_and_starts_a_new_window():
    topology, system, _ = peptide()
    model = KnownJump(spec_for(topology, system, horizon=2), turn=0.3)
    made = simulation(model, md_frames=3)
    made.step(3 * STEPS_PER_FRAME)
    before = arrays(made)[0]
    made.step(1)
    assert made.context.getTime()._value == pytest.approx(5 * FRAME)
    centred = before - before.mean(0)
    turned = centred @ np.linalg.matrix_power(model.rotation.numpy(), 2).T + before.mean(0)
    np.testing.assert_allclose(arrays(made)[0], turned, atol=2e-6)
    made.step(3 * STEPS_PER_FRAME)
    assert made.integrator.statistics.attempted == 1
    made.step(1)
    assert made.integrator.statistics.attempted == 2


def test_reset_window_starts_a_new_leg():
    made = simulation(known={})
    made.step(CYCLE - 2)
    made.integrator.reset_window()
    made.step(MD_FRAMES * STEPS_PER_FRAME)
    assert made.integrator.statistics.attempted == 0
    made.step(1)
    assert made.integrator.statistics.attempted == 1


def test_physical_members_see_no_stale_forces():
    """A velocity-Verlet member keeps forces from step to step; after a jump they are of other
    positions."""

    def velocity_verlet():
        integrator = openmm.CustomIntegrator(TIME_STEP)
        integrator.addPerDofVariable("x1", 0)
        integrator.addUpdateContextState()
        integrator.addComputePerDof("v", "v+0.5*dt*f/m")
        integrator.addComputePerDof("x", "x+dt*v")
        integrator.addComputePerDof("x1", "x")
        integrator.addConstrainPositions()
        integrator.addComputePerDof("v", "v+0.5*dt*f/m+(x-x1)/dt")
        integrator.addConstrainVelocities()
        return integrator

    made = simulation(
        known={"turn": 1.0}, integrator=velocity_verlet(), velocities="rotate", temperature=300
    )
    made.step(CYCLE)
    assert made.integrator.statistics.accepted == 1
    positions, velocities = arrays(made)
    made.step(3)
    topology, system, _ = peptide()
    plain = openmm.app.Simulation(topology, system, velocity_verlet(), *platform())
    plain.context.setPositions(positions)
    plain.context.setVelocities(velocities)
    plain.step(3)
    np.testing.assert_allclose(arrays(made), arrays(plain), atol=1e-9)


def test_physics_is_untouched_between_jumps():
    """Until the first jump the trajectory is that of the integrator alone."""
    made = simulation(integrator=openmm.VerletIntegrator(TIME_STEP), temperature=300)
    made.step(CYCLE - 1)
    topology, system, positions = peptide()
    plain = openmm.app.Simulation(
        topology,
        system,
        openmm.VerletIntegrator(TIME_STEP),
        *platform(),
    )
    plain.context.setPositions(positions)
    plain.context.setVelocitiesToTemperature(300, 11)
    plain.step(CYCLE - 1)
    np.testing.assert_array_equal(arrays(made), arrays(plain))


def test_stock_reporters_and_minimiser(tmp_path):
    made = simulation()
    made.minimizeEnergy(maxIterations=5)
    made.reporters.append(
        openmm.app.StateDataReporter(
            str(tmp_path / "log.csv"),
            7,
            step=True,
            time=True,
            temperature=True,
            potentialEnergy=True,
        )
    )
    made.reporters.append(openmm.app.DCDReporter(str(tmp_path / "a.dcd"), 7))
    made.step(CYCLE * 2)
    rows = np.genfromtxt(tmp_path / "log.csv", delimiter=",", names=True)
    assert len(rows) == CYCLE * 2 // 7
    assert np.isfinite(rows["Temperature_K"]).all()
    assert (tmp_path / "a.dcd").stat().st_size > 0


@pytest.mark.parametrize("at", ["leg", "jump"])
def test_ctrl_c_acts_between_steps_of_the_schedule(at, monkeypatch, ctrl_c):
    whole = simulation()
    whole.step(3 * CYCLE)
    made = simulation()
    step, calls = openmm.CompoundIntegrator.step, []
    # Ctrl-C while OpenMM works is raised as soon as it returns.
    # One call records the first frame, two make a frame of the leg.
    target = 1 + 2 * MD_FRAMES + 1 if at == "jump" else 4

    def interrupted(integrator, steps):
        step(integrator, steps)
        calls.append(steps)
        if len(calls) == target:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(openmm.CompoundIntegrator, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.integrator.step(3 * CYCLE)
    made.integrator.step(3 * CYCLE - made.currentStep)
    np.testing.assert_array_equal(arrays(made), arrays(whole))
    np.testing.assert_array_equal(window(made), window(whole))
    assert made.integrator.statistics == whole.integrator.statistics


@pytest.mark.parametrize(
    "wrong", [{"md_frames": 2.5}, {"jumps": 0}, {"temperature": -1}, {"constraint_tolerance": 0}]
)
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong.values()))}"):
        simulation(known={}, **wrong)


def test_failure_after_an_accepted_jump_starts_a_new_window(monkeypatch):
    made = simulation(known={})
    made.step(CYCLE - 1)
    before = arrays(made)
    run = made.integrator._run_jumper

    def failing(context, action):
        if action == PROJECT:
            raise RuntimeError("no velocities")
        run(context, action)

    monkeypatch.setattr(made.integrator, "_run_jumper", failing)
    with pytest.raises(RuntimeError, match="no velocities"):
        made.step(1)
    np.testing.assert_array_equal(arrays(made), before)
    assert made.integrator.statistics.attempted == 0 and not made.integrator.at_frame()
