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


def with_oscillators(stiffness, integrator):
    """Alanine dipeptide, which jumps, and pairs of atoms with a spring, nm apart."""
    topology, system, positions = peptide()
    model = KnownJump(spec_for(topology, system))
    topology = copy.deepcopy(topology)
    residue = topology.addResidue("OSC", topology.addChain())
    bonds, places = openmm.HarmonicBondForce(), []
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    random = np.random.default_rng(0)
    for pair in range(PAIRS):
        for end in range(2):
            topology.addAtom("C", app.Element.getBySymbol("C"), residue)
            system.addParticle(MASS)
            nonbonded.addParticle(0.0, 0.1, 0.0)
            stretch = random.normal(0, np.sqrt(GAS_CONSTANT * 300 / stiffness))
            places.append([10.0 + pair, end * (LENGTH + stretch), 0.0])
        first = system.getNumParticles() - 2
        bonds.addBond(first, first + 1, LENGTH, stiffness)
    system.addForce(bonds)
    propagator = STEGMNPropagator(
        system, topology, model, integrator, md_frames=1, guard="none", backend="python", seed=3
    )
    made = app.Simulation(topology, system, propagator, *platform())
    start = positions.value_in_unit(unit.nanometer)
    made.context.setPositions(np.concatenate([np.array(start), places]))
    made.context.setVelocitiesToTemperature(300, 1)
    return made


@pytest.mark.parametrize("lag", [0.0, 0.4, 0.7])
def test_stiff_modes_have_the_variance_that_they_keep(lag):
    """At the time of the positions a mode of frequency ω has (1 − (ω dt/2)²) kT."""
    reduced = MASS / 2
    stiffness = reduced * (2 * max(lag, 1e-2) / TIME_STEP) ** 2
    made = with_oscillators(stiffness, langevin())
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
    arm /= np.linalg.norm(arm, axis=1, keepdims=True)
    along = ((now[:, 1] - now[:, 0]) * arm).sum(1)
    found = along.var() * reduced / (GAS_CONSTANT * 300)
    assert found == pytest.approx(1 - lag**2, abs=4 * np.sqrt(2 / PAIRS) * (1 - lag**2) + 0.03)
    # across the spring nothing is stiff
    across = (now[:, 1] - now[:, 0])[:, 2]
    assert across.var() * reduced / (GAS_CONSTANT * 300) == pytest.approx(1, abs=0.3)
