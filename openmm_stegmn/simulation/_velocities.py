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
"maxwell" draws the velocities at the time of the positions and goes half a step of velocity Verlet
back with them, constraints and all; what it arrives with are the velocities, and the positions stay
as they were. At their time such an integrator moves a mode of frequency ω as if it had
(1 − (ω dt/2)²) kT: a harmonic oscillator with canonical positions keeps them with that variance of
its velocity, no other, and to first order the way back ends with it. Without, the atoms were 1 %
too hot half a picosecond after a draw (alanine dipeptide, 2 fs). Rigid molecules are turned on that
way: half the stiffness with which water librates is that of forces that keep their direction while
the molecule turns. "keep" and "rotate" carry the half-step velocity over as it is, an error of
order dt in one step's force, once per jump.
"""

import openmm
from openmm import unit

from ._bridge import PHASE_PARAMETER
from ._jump_bridge import PHASE_TURN

VELOCITY_RULES = ("maxwell", "keep", "rotate")


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


def add_way_back(integrator):
    """Append the way, from drawn velocities, to where the atoms were half a step ago.

    ``moved`` is then the way from there. Positions are constrained, so that on GPUs this must come
    before all computations that set positions for good, see ``HybridMember._add_start``.
    """
    integrator.beginIfBlock("velocity_lag > 0")
    integrator.addComputePerDof("base", "x")
    integrator.addComputePerDof("v", "v-0.5*velocity_lag*f/m")
    integrator.addComputePerDof("x", "x-velocity_lag*v")
    integrator.addComputePerDof("moved", "x")
    integrator.addConstrainPositions()
    integrator.addComputePerDof("v", "v-(x-moved)/velocity_lag")
    integrator.addComputePerDof("moved", "base-x")
    integrator.endBlock()


def add_return(integrator):
    """Append the end of that way, and the return of the positions.

    A step of its own: OpenMM projects velocities on the constraints as they were at its start.
    """
    integrator.beginIfBlock("velocity_lag > 0")
    integrator.addComputePerDof("v", "v-0.5*velocity_lag*f/m")
    integrator.addConstrainVelocities()
    # bit for bit, unless the molecule has been moved to another image between the steps
    integrator.addComputePerDof("x", "select(step(1e-3-abs(x+moved-base)),base,x+moved)")
    integrator.endBlock()


def add_projection(integrator, mass=None):
    """Append the projection of velocities on the constraints, a step of its own as well.

    Parameters
    ----------
    integrator : openmm.CustomIntegrator
    mass : float or None
        See `resting_mass`: a draw for such a system has no drift either, or the temperature of the
        frame would come out high by 3 degrees of freedom.
    """
    integrator.addConstrainVelocities()
    if mass is not None:
        for axis in "xyz":
            # A sum runs over all three components of the vector that _x gives, which are equal.
            integrator.addComputeSum(f"drift_{axis}", f"m*_{axis}(v)/{3 * mass!r}")
        integrator.addComputePerDof("v", "v-vector(drift_x,drift_y,drift_z)")
