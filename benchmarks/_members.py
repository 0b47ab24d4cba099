"""Integrators that make the physical steps of a hybrid simulation, for benchmarks and tests."""

from collections.abc import Callable
from dataclasses import dataclass

import openmm
from openmm import mtsintegrator, unit


@dataclass(frozen=True)
class Member:
    """One kind of physical steps.

    Attributes
    ----------
    make : callable
        Takes temperature (K), friction (1/ps) and time step (ps), gives an integrator; those that
        have no use for one leave it.
    conserves_energy : bool
        Whether a leg keeps the total energy.
    has_velocities : bool
        Whether its velocities are a temperature: those of Brownian steps are none.
    """

    make: Callable
    conserves_energy: bool = False
    has_velocities: bool = True


def velocity_verlet(temperature, friction, step):
    """The velocity Verlet of OpenMM's documentation, as a `CustomIntegrator`.

    It keeps the force of one step for the next, so that it shows whether it is told that atoms have
    moved.
    """
    integrator = openmm.CustomIntegrator(step)
    integrator.addPerDofVariable("x1", 0)
    integrator.addUpdateContextState()
    integrator.addComputePerDof("v", "v+0.5*dt*f/m")
    integrator.addComputePerDof("x", "x+dt*v")
    integrator.addComputePerDof("x1", "x")
    integrator.addConstrainPositions()
    integrator.addComputePerDof("v", "v+0.5*dt*f/m+(x-x1)/dt")
    integrator.addConstrainVelocities()
    return integrator


def nose_hoover(temperature, friction, step):
    """Chains of three; `friction` is the collision frequency."""
    return openmm.NoseHooverIntegrator(temperature, friction, step)


def multiple_steps(temperature, friction, step):
    """Bonded forces (group 1) twice a step, the others once; see `split_forces`."""
    groups = [(0, 1), (1, 2)]
    return mtsintegrator.MTSLangevinIntegrator(
        temperature * unit.kelvin, friction / unit.picosecond, step * unit.picosecond, groups
    )


def split_forces(system):
    """Put bonded forces into group 1, as `multiple_steps` needs; others run the same."""
    for force in system.getForces():
        bonded = isinstance(
            force,
            openmm.HarmonicBondForce | openmm.HarmonicAngleForce | openmm.PeriodicTorsionForce,
        )
        force.setForceGroup(int(bonded))


MEMBERS = {
    "LangevinMiddle": Member(openmm.LangevinMiddleIntegrator),
    "Langevin": Member(openmm.LangevinIntegrator),
    "Verlet": Member(lambda temperature, friction, step: openmm.VerletIntegrator(step), True),
    "NoseHoover": Member(nose_hoover),
    # Overdamped: at 1/ps a step of 2 fs would be longer than bonds are wide.
    "Brownian": Member(
        lambda temperature, friction, step: openmm.BrownianIntegrator(temperature, 500, step),
        has_velocities=False,
    ),
    "MTSLangevin": Member(multiple_steps),
    "velocity Verlet": Member(velocity_verlet, True),
}
