"""What a jump does to the state: guards, velocities, constraints, and failures."""

import numpy as np
import openmm
import pytest
from alanine import (
    HISTORY,
    MD_FRAMES,
    STEPS_PER_FRAME,
    TIME_STEP,
    KnownJump,
    NetworkFailure,
    Stretch,
    WindowEcho,
    arrays,
    langevin,
    peptide,
    simulation,
    spec_for,
    window,
)
from openmm import app, unit
from platforms import PLATFORMS, platform
from solvated import solvated_simulation

from openmm_stegmn.simulation import Guard, JumpStatistics, STEGMNPropagator
from openmm_stegmn.simulation._constraints import system_constraints, worst_constraint_error

LEG = MD_FRAMES * STEPS_PER_FRAME


def before_and_after(made):
    made.step(LEG)
    before = arrays(made)
    made.step(1)
    return before, arrays(made)


def model_of(kind, **options):
    topology, system, _ = peptide()
    return kind(spec_for(topology, system), **options)


def constraint_velocities(made):
    """Relative velocities along the constraints, nm/ps."""
    pairs, _ = system_constraints(made.system)
    positions, velocities = arrays(made)
    arms = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    arms /= np.linalg.norm(arms, axis=1, keepdims=True)
    return ((velocities[pairs[:, 0]] - velocities[pairs[:, 1]]) * arms).sum(1)


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"shift": 1.0}, "rejected_energy"),
        ({"shift": float("nan")}, "rejected_nonfinite"),
        ({"shift": 1e9}, "rejected_nonfinite"),
    ],
)
def test_rejection_leaves_the_state_bit_for_bit(backend, name, options, cause):
    made = simulation(known=options, backend=backend, usual=name)
    before, after = before_and_after(made)
    np.testing.assert_array_equal(after, before)
    statistics = made.integrator.statistics
    assert getattr(statistics, cause) == statistics.attempted == 1
    assert made.context.getParameter("stegmn_phase") == 0
    made.step(LEG)
    assert np.isfinite(arrays(made)).all()


@pytest.mark.parametrize("guard", ["none", "energy", "metropolis"])
def test_broken_constraints_are_rejected_whatever_the_guard(backend, guard):
    made = simulation(model_of(Stretch), backend=backend, guard=guard, energy_threshold=1e6)
    before, after = before_and_after(made)
    np.testing.assert_array_equal(after, before)
    assert made.integrator.statistics.rejected_constraints == 1


@pytest.mark.parametrize("name", PLATFORMS)
def test_window_reaches_the_model(backend, name):
    made = simulation(
        model_of(WindowEcho),
        backend=backend,
        usual=name,
        guard="none",
        constraint_tolerance=10.0,
    )
    made.step(LEG)
    frames, (before, _) = window(made), arrays(made)
    np.testing.assert_allclose(frames[-1], before, atol=0)
    made.step(1)
    assert made.integrator.statistics.accepted == 1
    expected = before + frames[-1] - frames[0]
    # The model saw single precision and a polished start.
    np.testing.assert_allclose(arrays(made)[0], expected, atol=2e-6)


def test_guards_decide_by_the_energy():
    assert simulation_accepts(guard="energy", known={"shift": 0.02})
    assert not simulation_accepts(guard="energy", known={"shift": 1.0})
    assert simulation_accepts(guard="energy", energy_threshold=1e9, known={"shift": 1.0})
    assert simulation_accepts(guard="none", known={"shift": 1.0})
    assert not simulation_accepts(guard="metropolis", known={"shift": 1.0})
    assert simulation_accepts(guard="metropolis", known={"turn": 1.0})


def simulation_accepts(**options):
    made = simulation(**options)
    before_and_after(made)
    return made.integrator.statistics.accepted == 1


def test_energy_change_is_that_of_the_state():
    made = simulation(known={"shift": 0.05}, guard="none")
    made.step(LEG)
    before = made.context.getState(energy=True).getPotentialEnergy()._value
    made.step(1)
    after = made.context.getState(energy=True).getPotentialEnergy()._value
    record = made.integrator.last_frame
    assert (record.origin, record.accepted) == (1, 1)
    assert record.energy_change == pytest.approx(after - before, abs=1e-6)
    assert made.integrator.statistics.mean_energy_change == record.energy_change


@pytest.mark.parametrize("integrator", [langevin, lambda: openmm.VerletIntegrator(TIME_STEP)])
def test_seed_zero_is_a_seed(integrator):
    """OpenMM draws one in its place; jumps draw velocities from a seed of their own."""
    ends = []
    for seed in (0, 0, 1):
        made = simulation(known={}, integrator=integrator(), seed=seed, temperature=300)
        made.step(LEG + 1)
        assert made.integrator.statistics.accepted == 1
        ends.append(arrays(made)[1])
    np.testing.assert_array_equal(ends[0], ends[1])
    assert not np.allclose(ends[0], ends[2])


def test_metropolis_accepts_at_its_rate():
    """Acceptance of jumps of known energy change, against min(1, exp(-change/kT)) of each
    attempt."""
    made = simulation(known={"shift": 0.06}, guard="metropolis", md_frames=1, seed=3)
    accepted, expected = [], []
    for _ in range(400):
        made.step(made.integrator.steps_to_next_frame())
        statistics = made.integrator.statistics
        if statistics.attempted > len(accepted):
            accepted.append(statistics.accepted - sum(accepted))
            change = made.integrator.getIntegrator(1).getGlobalVariableByName("energy_change")
            expected.append(
                min(
                    1.0,
                    np.exp(
                        -change
                        / (unit.MOLAR_GAS_CONSTANT_R * 300 * unit.kelvin).value_in_unit(
                            unit.kilojoule_per_mole
                        )
                    ),
                )
            )
    accepted, expected = np.array(accepted), np.array(expected)
    assert 0.1 < expected.mean() < 0.9
    error = np.sqrt((expected * (1 - expected)).sum())
    assert abs(accepted.sum() - expected.sum()) < 4 * error


def test_constraints_hold_after_jumps(backend):
    made = simulation(backend=backend, guard="none")
    made.step(5 * (LEG + 1))
    statistics = made.integrator.statistics
    assert statistics.accepted == 5
    assert statistics.worst_constraint_error <= 1e-6
    error = worst_constraint_error(arrays(made)[0], *system_constraints(made.system))
    assert error <= statistics.worst_constraint_error


def test_backends_make_the_same_trajectory():
    pytest.importorskip("openmmtorch")
    made = []
    for name in ("python", "torch"):  # one after the other: Reference has one random stream
        made.append(simulation(backend=name))
        made[-1].step(20 * (LEG + 1))
    assert made[0].integrator.statistics.accepted >= 10
    assert made[0].integrator.statistics.attempted == made[1].integrator.statistics.attempted == 20
    np.testing.assert_allclose(arrays(made[0])[0], arrays(made[1])[0], atol=1e-6)


def test_rotate_turns_velocities_with_the_fragments(backend):
    made = simulation(known={"turn": 2.0}, velocities="rotate", backend=backend)
    (positions, velocities), (moved, turned) = before_and_after(made)
    rotation = model_of(KnownJump, turn=2.0).rotation.numpy()
    np.testing.assert_allclose(turned, velocities @ rotation.T, atol=1e-12)
    centre = positions.mean(0)
    np.testing.assert_allclose(moved, (positions - centre) @ rotation.T + centre, atol=2e-6)


def test_rotate_keeps_the_kinetic_energy_of_articulated_jumps(backend):
    made = simulation(velocities="rotate", backend=backend, guard="none")
    (_, velocities), (_, turned) = before_and_after(made)
    assert made.integrator.statistics.accepted == 1
    speeds = [(array**2).sum(1) for array in (velocities, turned)]
    np.testing.assert_allclose(speeds[1], speeds[0], rtol=1e-5)


def test_keep_projects_velocities_on_the_constraints():
    made = simulation(known={"turn": 1.0}, velocities="keep")
    (_, velocities), (_, kept) = before_and_after(made)
    assert np.abs(constraint_velocities(made)).max() < 1e-5
    still = simulation(known={}, velocities="keep")
    (_, velocities), (_, kept) = before_and_after(still)
    # Only the half step between positions and velocities is projected out.
    np.testing.assert_allclose(kept, velocities, atol=0.2)


def temperature_of(made):
    """Instantaneous temperature from masses and velocities, K, and the degrees of freedom."""
    masses = np.array([made.system.getParticleMass(i)._value for i in range(22)])
    kinetic = 0.5 * (masses[:, None] * arrays(made)[1] ** 2).sum()
    degrees = 3 * 22 - made.system.getNumConstraints() - 3
    return 2 * kinetic / degrees / 8.31446261815324e-3, degrees


def brownian():
    """An integrator with a temperature, and no lag between positions and velocities."""
    return openmm.BrownianIntegrator(300, 1000, 0.002)


def test_maxwell_draws_at_the_temperature():
    made = simulation(known={"turn": 1.0}, integrator=brownian(), velocities="maxwell", jumps=200)
    made.step(LEG)
    masses = np.array([made.system.getParticleMass(i)._value for i in range(22)])
    temperatures = []
    for _ in range(200):
        made.step(1)
        assert np.abs(constraint_velocities(made)).max() < 1e-5
        assert np.abs(masses @ arrays(made)[1]).max() < 1e-9
        temperature, degrees = temperature_of(made)
        temperatures.append(temperature)
    # Standard error of one draw: T sqrt(2/degrees).
    assert np.mean(temperatures) == pytest.approx(300, abs=4 * 300 * np.sqrt(2 / degrees / 200))


def test_maxwell_does_not_heat_a_leapfrog_integrator():
    """A draw for the wrong time gave 341 K after one step, and 316 K for 0.1 ps."""
    made = simulation(known={"turn": 1.0}, velocities="maxwell")
    temperatures = []
    for _ in range(400):
        made.step(made.integrator.steps_to_next_frame())
        while made.integrator.steps_to_next_frame() > 1:
            made.step(made.integrator.steps_to_next_frame())
        made.step(1)
        assert np.abs(constraint_velocities(made)).max() < 1e-5
        made.step(1)
        temperatures.append(temperature_of(made)[0])
    # 300 K within five standard errors of 400 readings
    assert 285 < np.mean(temperatures) < 315


def test_maxwell_follows_the_integrators_temperature():
    made = simulation(known={}, integrator=brownian(), velocities="maxwell", jumps=1000)
    made.step(LEG)
    made.integrator.getIntegrator(0).setTemperature(1e-6)
    made.step(1)
    assert np.abs(arrays(made)[1]).max() < 1e-3


def test_failure_in_the_network_leaves_a_usable_simulation(backend):
    made = simulation(known={"fail": 1.0}, backend=backend)
    made.step(LEG)
    before, frames = arrays(made), window(made)
    statistics, step, now = made.integrator.statistics, made.currentStep, made.context.getTime()
    expected = NetworkFailure if backend == "python" else openmm.OpenMMException
    for _ in range(2):
        with pytest.raises(expected, match="failed on purpose"):
            made.step(1)
        np.testing.assert_array_equal(arrays(made), before)
        np.testing.assert_array_equal(window(made), frames)
        assert made.integrator.statistics == statistics
        assert (made.currentStep, made.context.getTime()) == (step, now)
        assert made.context.getParameter("stegmn_phase") == 0
    assert made.integrator.steps_to_next_frame() == 1
    made.integrator.reset_window()
    made.step(LEG)
    assert np.isfinite(arrays(made)).all()


class PhysicsFailure(Exception):
    pass


def failing_after_acceptance(made):
    """The velocities that an accepted jump is given fail."""
    run = made.integrator._run_jumper

    def failing(context, action, *steps):
        run(context, action, *steps)
        if action in made.integrator._jumper.velocity_actions:
            raise PhysicsFailure("failed on purpose")

    made.integrator._run_jumper = failing


def assert_undone(made, error):
    before, statistics = arrays(made), made.integrator.statistics
    step, now = made.currentStep, made.context.getTime()
    with pytest.raises(error, match="failed on purpose"):
        made.step(1)
    np.testing.assert_array_equal(arrays(made), before)
    assert made.integrator.statistics == statistics
    assert (made.currentStep, made.context.getTime()) == (step, now)
    assert made.context.getParameter("stegmn_phase") == 0


@pytest.mark.parametrize("velocities", ["maxwell", "keep"])
def test_failure_after_acceptance_leaves_the_state_as_it_was(backend, velocities):
    made = simulation(known={"shift": 0.5}, backend=backend, velocities=velocities, guard="none")
    made.step(LEG)
    failing_after_acceptance(made)
    assert_undone(made, PhysicsFailure)
    assert not made.integrator._jump_due()  # a new window: the oldest frame is gone
    made.step(LEG - 1)
    assert np.isfinite(arrays(made)).all()


def test_failure_after_acceptance_leaves_virtual_sites_as_they_were():
    made = solvated_simulation(known={"shift": 0.5}, water="tip4pew", usual="Reference")
    made.step(LEG)
    failing_after_acceptance(made)
    assert_undone(made, PhysicsFailure)


def test_failure_of_physics_where_a_jump_ends_leaves_the_state_as_it_was(backend):
    topology, system, positions = peptide()
    told = []

    def force(state):
        if told:
            moved = np.abs(state.getPositions(asNumpy=True)._value - told[0]).max()
            if moved > 0.01:
                raise PhysicsFailure("failed on purpose")
        return 0.0, np.zeros((22, 3))

    system.addForce(openmm.PythonForce(force, {}))
    propagator = STEGMNPropagator(
        system, topology, model_of(KnownJump, shift=0.5), langevin(), md_frames=MD_FRAMES,
        guard="none", backend=backend,
    )  # fmt: skip
    made = app.Simulation(topology, system, propagator, *platform())
    made.context.setPositions(positions)
    made.step(LEG)
    told.append(arrays(made)[0])
    for _ in range(2):
        assert_undone(made, openmm.OpenMMException)
    told.clear()
    made.step(1)
    assert made.integrator.statistics.accepted == 1


@pytest.mark.parametrize("known", [{"shift": 0.02}, {"shift": 1.0}])
def test_jumps_read_no_state_of_all_particles(known, monkeypatch):
    made = simulation(known=known)
    made.step(LEG)
    monkeypatch.delattr(openmm.Context, "getState")
    made.step(1)
    assert made.integrator.statistics.attempted == 1


def test_positions_that_are_not_finite_are_refused_before_anything_happens():
    made = simulation()
    positions, velocities = arrays(made)
    positions[3, 1] = np.nan
    made.context.setPositions(positions)
    with pytest.raises(ValueError, match="atom 3 is not finite"):
        made.step(1)
    assert made.currentStep == 0 and made.integrator.statistics.frames == 0


def test_physics_that_blew_up_is_told_before_a_jump():
    made = simulation()
    made.step(LEG)
    positions = arrays(made)[0]
    positions[3, 1] = np.nan
    made.context.setPositions(positions)
    with pytest.raises(ValueError, match="atom 3 is not finite.*blew up"):
        made.step(1)
    assert made.integrator.statistics.attempted == 0


def test_statistics_are_told():
    made = simulation(known={"shift": 1.0})
    made.step(LEG + 1)
    statistics = made.integrator.statistics
    assert isinstance(statistics, JumpStatistics)
    assert statistics.as_dict()["rejected_energy"] == 1 and statistics.rejected == 1
    assert statistics.acceptance == 0
    assert "1 jumps: 0 accepted, rejected 1 by energy" in str(statistics)
    text = repr(made.integrator)
    for word in ("deterministic", "energy", "maxwell", "python", "LangevinMiddleIntegrator"):
        assert word in text
    assert made.integrator.wall_seconds_jumps > 0 and made.integrator.wall_seconds_legs > 0
    assert "approximate" in str(Guard("metropolis"))
    assert HISTORY <= made.integrator.statistics.frames
