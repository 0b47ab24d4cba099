"""Every kind of physical steps goes on from where a jump has put the atoms."""

import numpy as np
import openmm
import pytest
from _members import MEMBERS, split_forces
from alanine import MD_FRAMES, STEPS_PER_FRAME, TIME_STEP, KnownJump, arrays, peptide, spec_for
from openmm import app
from platforms import platform

from openmm_stegmn.simulation import STEGMNPropagator

TO_JUMP = MD_FRAMES * STEPS_PER_FRAME


def silent(name):
    """A member without noise, so that its next step can be foretold."""
    # A Nosé-Hoover chain this slow has no effect in a few steps; a new one starts from rest.
    temperature, friction = (300, 1e-6) if name == "NoseHoover" else (0, 0)
    return MEMBERS[name].make(temperature, friction, TIME_STEP)


def run_of(name, backend, shift=0.0, **options):
    topology, system, positions = peptide()
    split_forces(system)
    # A quarter turn: forces of before the jump would point elsewhere.
    model = KnownJump(spec_for(topology, system), shift=shift, turn=np.pi / 2)
    options = {"md_frames": MD_FRAMES, "guard": "none", "velocities": "keep"} | options
    propagator = STEGMNPropagator(
        system, topology, model, silent(name), temperature=300, backend=backend, seed=7, **options
    )
    made = app.Simulation(topology, system, propagator, *platform())
    made.context.setPositions(positions)
    made.context.applyConstraints(1e-8)
    made.context.setVelocitiesToTemperature(300, 11)
    return made


def next_step_of_a_fresh_context(name, positions, velocities):
    system = peptide()[1]
    split_forces(system)
    context = openmm.Context(system, silent(name), *platform())
    context.setPositions(positions)
    context.setVelocities(velocities)
    context.getIntegrator().step(1)
    state = context.getState(positions=True, velocities=True)
    return state.getPositions(asNumpy=True)._value, state.getVelocities(asNumpy=True)._value


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("moment", ["accepted jump", "rejected jump", "frame"])
def test_forces_are_those_of_the_positions(name, moment, backend):
    options = {"guard": "energy", "shift": 3.0} if moment == "rejected jump" else {}
    made = run_of(name, backend, **options)
    made.step(TO_JUMP - STEPS_PER_FRAME if moment == "frame" else TO_JUMP + 1)
    statistics = made.integrator.statistics
    expected = {"accepted jump": (1, 1), "rejected jump": (1, 0), "frame": (0, 0)}[moment]
    assert (statistics.attempted, statistics.accepted) == expected
    foretold = next_step_of_a_fresh_context(name, *arrays(made))
    made.step(1)
    for found, value in zip(arrays(made), foretold, strict=True):
        np.testing.assert_allclose(found, value, rtol=0, atol=1e-9)
