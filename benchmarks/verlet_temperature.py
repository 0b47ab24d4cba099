"""The temperature that Verlet steps show at the time of the positions, from the curvature.

    python benchmarks/verlet_temperature.py

A leapfrog integrator that samples exp(-U/kT) moves a mode of frequency w, at the time of its
positions, with (1 - (w dt/2)^2) kT. The mean of w^2 over all modes is the trace of the
mass-weighted Hessian, without what constraints and the centre of mass hold, over its rank; here of
alanine dipeptide in vacuum at 300 K, averaged over frames of dynamics.
"""

import argparse

import numpy as np
import openmm
from _matrix_systems import TEMPERATURE, build

_STEP = 1e-4  # nm, of the differences that give the Hessian


def main():
    """Print the mean over frames."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=40, help="1 ps apart")
    options = parser.parse_args()
    case = build("vacuum, HBonds")
    platform = openmm.Platform.getPlatformByName("Reference")
    integrator = openmm.LangevinMiddleIntegrator(TEMPERATURE, 10.0, case.step)
    integrator.setRandomNumberSeed(1)
    context = openmm.Context(openmm.XmlSerializer.clone(case.system), integrator, platform)
    context.setPositions(case.positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(TEMPERATURE, 1)
    integrator.step(20_000)
    lacking = []
    for _ in range(options.frames):
        integrator.step(round(1 / case.step))
        positions = context.getState(positions=True).getPositions(asNumpy=True)._value
        lacking.append((case.step / 2) ** 2 * mean_square_frequency(case.system, positions))
    mean, error = np.mean(lacking), np.std(lacking) / np.sqrt(len(lacking))
    print(f"mean of (w dt/2)^2: {mean:.4f} ± {error:.4f}")
    print(f"expected temperature: {TEMPERATURE * (1 - mean):.1f} K at {TEMPERATURE:g} K")


def mean_square_frequency(system, positions):
    """Mean over the modes that can move, 1/ps²."""
    count = system.getNumParticles()
    masses = np.array([system.getParticleMass(n)._value for n in range(count)])
    weight = 1 / np.sqrt(np.repeat(masses, 3))
    integrator = openmm.VerletIntegrator(0.001)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(openmm.XmlSerializer.clone(system), integrator, platform)

    def forces(moved):
        context.setPositions(moved.reshape(count, 3))
        return context.getState(forces=True).getForces(asNumpy=True)._value.ravel()

    flat, steps = positions.ravel(), _STEP * np.eye(3 * count)
    hessian = np.array([forces(flat - d) - forces(flat + d) for d in steps]) / (2 * _STEP)
    hessian = weight[:, None] * hessian * weight
    held = []
    for n in range(system.getNumConstraints()):
        a, b, _ = system.getConstraintParameters(n)
        row = np.zeros((count, 3))
        row[a] = positions[a] - positions[b]
        row[b] = -row[a]
        held.append(row.ravel() * weight)
    for axis in np.eye(3):
        held.append(np.tile(axis, count) / weight)
    basis, _ = np.linalg.qr(np.array(held).T)
    free = np.eye(3 * count) - basis @ basis.T
    return np.trace(free @ hessian @ free) / (3 * count - len(held))


if __name__ == "__main__":
    main()
