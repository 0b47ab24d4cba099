"""Degrees of freedom of atoms under constraints."""

import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_stegmn.analysis import DegreesOfFreedom
from openmm_stegmn.systems import build_system, packaged_structure
from openmm_stegmn.units import GAS_CONSTANT


def by_matrices(masses, pairs, positions, centre):
    """From the definition, with every row of J."""
    n_atoms = len(masses)
    rows = []
    for first, second in pairs:
        row = np.zeros((n_atoms, 3))
        row[first] = positions[first] - positions[second]
        row[second] = -row[first]
        rows.append(row.ravel())
    if centre:
        for axis in range(3):
            row = np.zeros((n_atoms, 3))
            row[:, axis] = masses
            rows.append(row.ravel())
    if not rows:
        return np.full(n_atoms, 3.0)
    gradients, inverse = np.array(rows), 1 / np.repeat(masses, 3)
    metric = np.linalg.pinv((gradients * inverse) @ gradients.T)
    return 3 - np.diag(gradients.T @ metric @ (gradients * inverse)).reshape(n_atoms, 3).sum(1)


@pytest.mark.parametrize("centre", [False, True])
@pytest.mark.parametrize(
    "pairs",
    [[], [[0, 1]], [[0, 1], [1, 2], [0, 2]], [[0, 1], [1, 2], [3, 4]], [[0, 1], [0, 2], [0, 3]]],
)
def test_equals_the_definition(pairs, centre):
    rng = np.random.default_rng(0)
    masses, positions = rng.uniform(1, 16, 6), rng.normal(size=(6, 3))
    found = DegreesOfFreedom(masses, np.array(pairs, int).reshape(-1, 2), centre)(positions)
    np.testing.assert_allclose(found, by_matrices(masses, pairs, positions, centre), atol=1e-9)
    assert found.sum() == pytest.approx(18 - len(pairs) - 3 * centre)


def test_constraints_across_the_box():
    masses, pairs = np.array([1.0, 16.0, 1.0]), np.array([[0, 1], [1, 2]])
    positions = np.array([[9.9, 0, 0], [0.3, 0.5, 0], [0.3, 1.5, 0]])
    near = positions.copy()
    near[0, 0] -= 10
    degrees = DegreesOfFreedom(masses, pairs, False)
    np.testing.assert_allclose(degrees(positions, np.full(3, 10.0)), degrees(near))


def test_velocities_that_openmm_draws():
    """Mean kinetic energy of each atom of a molecule with constrained hydrogens."""
    pdb = app.PDBFile(str(packaged_structure("alanine-dipeptide")))
    system = build_system().system
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(pdb.positions)
    n_atoms = system.getNumParticles()
    masses = np.array(
        [system.getParticleMass(n).value_in_unit(unit.dalton) for n in range(n_atoms)]
    )
    pairs = np.array([system.getConstraintParameters(n)[:2] for n in range(12)])
    assert system.getNumConstraints() == 12
    kinetic, draws = np.zeros(n_atoms), 4000
    for seed in range(draws):
        context.setVelocitiesToTemperature(300, seed + 1)
        velocities = context.getState(velocities=True).getVelocities(asNumpy=True)._value
        kinetic += masses * (velocities**2).sum(1) / 2
    context.applyConstraints(1e-8)
    positions = context.getState(positions=True).getPositions(asNumpy=True)._value
    found = 2 * kinetic / draws / (GAS_CONSTANT * 300)
    expected = DegreesOfFreedom(masses, pairs, False)(positions)
    # about 2 degrees of freedom, drawn 4000 times: 1.6 % each
    np.testing.assert_allclose(found, expected, rtol=5 * np.sqrt(2 / (2 * draws)))
    assert expected.sum() == pytest.approx(3 * n_atoms - 12)
