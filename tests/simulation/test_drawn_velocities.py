"""Velocities that are drawn after a jump are those that the integrator keeps."""

import copy

import numpy as np
import openmm
import pytest
from alanine import TIME_STEP, KnownJump, langevin, peptide, spec_for
from openmm import app, unit
from platforms import platform
from proposals import to_jump

from openmm_stegmn.simulation import STEGMNPropagator
from openmm_stegmn.units import GAS_CONSTANT

PAIRS, MASS, LENGTH = 400, 10.0, 0.1


def with_oscillators(stiffness, integrator, rigid=False):
    """Alanine dipeptide, which jumps, and pairs of atoms, nm apart: with a spring, or rigid and
    drawn apart by forces along y, whose direction stays as it is when a pair turns.
    """
    topology, system, positions = peptide()
    model = KnownJump(spec_for(topology, system))
    topology = copy.deepcopy(topology)
    residue = topology.addResidue("OSC", topology.addChain())
    bonds, places = openmm.HarmonicBondForce(), []
    pull = openmm.CustomExternalForce("-pull*y")
    pull.addPerParticleParameter("pull")
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    random = np.random.default_rng(0)
    for pair in range(PAIRS):
        for _ in range(2):
            topology.addAtom("C", app.Element.getBySymbol("C"), residue)
            system.addParticle(MASS)
            nonbonded.addParticle(0.0, 0.1, 0.0)
        deviation = random.normal(0, np.sqrt(GAS_CONSTANT * 300 / stiffness), 2)
        first = system.getNumParticles() - 2
        places.append(np.array([10.0 + pair, 0.0, 0.0]))
        if rigid:
            arm = np.array([deviation[0], LENGTH, deviation[1]])
            arm *= LENGTH / np.linalg.norm(arm)
            system.addConstraint(first, first + 1, LENGTH)
            for end in range(2):
                pull.addParticle(first + end, [(2 * end - 1) * stiffness * LENGTH])
        else:
            arm = np.array([0.0, LENGTH + deviation[0], 0.0])
            bonds.addBond(first, first + 1, LENGTH, stiffness)
        places.append(places[-1] + arm)
    system.addForce(pull if rigid else bonds)
    propagator = STEGMNPropagator(
        system, topology, model, integrator, md_frames=1, guard="none", backend="python", seed=3
    )
    made = app.Simulation(topology, system, propagator, *platform())
    start = positions.value_in_unit(unit.nanometer)
    made.context.setPositions(np.concatenate([np.array(start), places]))
    made.context.setVelocitiesToTemperature(300, 1)
    return made


def after_jump(made):
    """Of each pair, (PAIRS, 3), after a jump: the velocity of one end from the other at the time of
    the positions, and the direction between them."""
    to_jump(made)
    made.step(1)
    assert made.integrator.last_frame.accepted == 1
    state = made.context.getState(
        positions=True, velocities=True, forces=True, groups=(1 << 31) - 1
    )
    positions, velocities, forces = (
        get(asNumpy=True)._value[-2 * PAIRS :].reshape(PAIRS, 2, 3)
        for get in (state.getPositions, state.getVelocities, state.getForces)
    )
    now = velocities + TIME_STEP / 2 * forces / MASS
    arm = positions[:, 1] - positions[:, 0]
    return now[:, 1] - now[:, 0], arm / np.linalg.norm(arm, axis=1, keepdims=True)


@pytest.mark.parametrize("lag", [0.0, 0.4, 0.7])
def test_stiff_modes_have_the_variance_that_they_keep(lag):
    """At the time of the positions a mode of frequency ω has (1 − (ω dt/2)²) kT."""
    reduced = MASS / 2
    stiffness = reduced * (2 * max(lag, 1e-2) / TIME_STEP) ** 2
    made = with_oscillators(stiffness, langevin())
    velocity, arm = after_jump(made)
    along = (velocity * arm).sum(1)
    found = along.var() * reduced / (GAS_CONSTANT * 300)
    assert found == pytest.approx(1 - lag**2, abs=4 * np.sqrt(2 / PAIRS) * (1 - lag**2) + 0.03)
    # across the spring nothing is stiff
    across = velocity[:, 2]
    assert across.var() * reduced / (GAS_CONSTANT * 300) == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("lag", [0.0, 0.4, 0.7])
def test_what_librates_has_the_variance_that_it_keeps(lag):
    """The stiffness of turning, here, is that of the turned arm alone."""
    reduced = MASS / 2
    stiffness = reduced * (2 * max(lag, 1e-1) / TIME_STEP) ** 2
    made = with_oscillators(stiffness, langevin(), rigid=True)
    velocity, arm = after_jump(made)
    turning = velocity - (velocity * arm).sum(1, keepdims=True) * arm
    found = turning[:, [0, 2]].var() * reduced / (GAS_CONSTANT * 300)
    assert found == pytest.approx(1 - lag**2, abs=4 * np.sqrt(1 / PAIRS) * (1 - lag**2) + 0.03)
