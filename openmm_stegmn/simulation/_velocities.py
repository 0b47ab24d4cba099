"""What becomes of the velocities when a jump has moved the atoms.

=========== ======================================================================================
rule        velocities after an accepted jump
=========== ======================================================================================
"maxwell"   drawn anew at the temperature, projected on the constraints, without drift
"keep"      as they were, then projected on the constraints at the new positions
"rotate"    each atom's velocity turned with its rigid fragment: the kinetic energy is kept
=========== ======================================================================================

Leapfrog integrators (Verlet, LangevinMiddle, ...) hold velocities half a time step behind the
positions, and those are correlated with the force. A draw that ignores this gets a first kick that
is half too long, which heats stiff modes: by 40 K after one step of 2 fs with flexible angles. So
"maxwell" draws the velocity at the time of the positions and takes it half a step back. At that
time such an integrator moves a mode of frequency ω as if it had (1 − (ω dt/2)²) kT: a harmonic
oscillator with canonical positions keeps them with that variance of its velocity, no other. The
draw has it too, to first order, by what the forces change along it. Without, the atoms were 1 %
too hot half a picosecond after a draw (alanine dipeptide, 2 fs). (Virtual sites do not follow that
small way, a further error of first order for water of four sites.) "keep" and "rotate" carry the
half-step velocity over as it is, an error of order dt in one step's force, once per jump.
"""

import openmm
from openmm import unit

from ._bridge import PHASE_PARAMETER
from ._jump_bridge import PHASE_TURN

VELOCITY_RULES = ("maxwell", "keep", "rotate")
#: The rules whose velocities are projected on the constraints.
PROJECTED_RULES = ("maxwell", "keep")


def check_velocity_rule(rule):
    """Raise ValueError unless `rule` is one of `VELOCITY_RULES`."""
    if rule not in VELOCITY_RULES:
        raise ValueError(
            f"Unknown velocity rule {rule!r}: expected one of "
            f"{', '.join(map(repr, VELOCITY_RULES))}."
        )


#: OpenMM's integrators whose velocities are half a step behind the positions. Of a CustomIntegrator
#: one cannot tell; its velocities are taken to be at the time of the positions.
_LEAPFROG = (
    openmm.VerletIntegrator,
    openmm.LangevinIntegrator,
    openmm.LangevinMiddleIntegrator,
    openmm.NoseHooverIntegrator,
    # since OpenMM 8.3
    *(
        getattr(openmm, name)
        for name in ("DPDIntegrator", "QTBIntegrator")
        if hasattr(openmm, name)
    ),
)


def velocity_lag(integrator):
    """Time (ps) by which an integrator's velocities are behind its positions."""
    if not isinstance(integrator, _LEAPFROG):
        return 0.0
    return 0.5 * integrator.getStepSize().value_in_unit(unit.picosecond)


def add_turning(integrator):
    """Append the computations of "rotate", at the end of a jump: ``x`` is where the jump ended."""
    integrator.addComputePerDof("jumped", "x")
    # The bridge is shown velocities where it otherwise sees positions.
    integrator.addComputePerDof("x", "v")
    integrator.addComputeGlobal(PHASE_PARAMETER, str(PHASE_TURN))
    integrator.addComputePerDof("v", "v+f31")
    integrator.addComputeGlobal(PHASE_PARAMETER, "0")
    integrator.addComputePerDof("x", "jumped")


def resting_mass(system):
    """Total mass (Da) of a system whose centre of mass is kept at rest, else None."""
    if not any(isinstance(force, openmm.CMMotionRemover) for force in system.getForces()):
        return None
    masses = (system.getParticleMass(index) for index in range(system.getNumParticles()))
    return sum(mass.value_in_unit(unit.dalton) for mass in masses)


def add_draw(integrator):
    """Append the drawing of velocities at the time of the positions."""
    integrator.addComputePerDof("v", "sqrt(kT/m)*gaussian")
    integrator.addConstrainVelocities()


def add_projection(integrator, rule, mass):
    """Append the computations of "maxwell" or "keep".

    They need a step of their own: OpenMM projects velocities on the constraints as they were at the
    start of a step, which in the step of the jump is before the atoms moved.

    Parameters
    ----------
    integrator : openmm.CustomIntegrator
    rule : str
    mass : float or None
        See `resting_mass`: a draw for such a system has no drift either, or the temperature of the
        frame would come out high by 3 degrees of freedom.
    """
    if rule == "maxwell":
        add_draw(integrator)
        integrator.addComputePerDof("base", "x")
        integrator.addComputePerDof("moved", "f")
        # A part of the way that the atoms will go; the forces' change is -K v times that
        integrator.addComputePerDof("x", "x+0.5*velocity_lag*v")
        integrator.addComputePerDof("v", "v+velocity_lag*(f-2*moved)/m")
        integrator.addComputePerDof("x", "base")
    integrator.addConstrainVelocities()
    if rule == "maxwell" and mass is not None:
        for axis in "xyz":
            # A sum runs over all three components of the vector that _x gives, which are equal.
            integrator.addComputeSum(f"drift_{axis}", f"m*_{axis}(v)/{3 * mass!r}")
        integrator.addComputePerDof("v", "v-vector(drift_x,drift_y,drift_z)")
