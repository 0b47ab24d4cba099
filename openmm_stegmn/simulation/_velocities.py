"""What becomes of the velocities when a jump has moved the atoms.

=========== ======================================================================================
rule        velocities after an accepted jump
=========== ======================================================================================
"maxwell"   drawn anew at the temperature, then projected on the constraints
"keep"      as they were, then projected on the constraints at the new positions
"rotate"    each atom's velocity turned with its rigid fragment: the kinetic energy is kept
=========== ======================================================================================

Leapfrog integrators (Verlet, LangevinMiddle, ...) hold velocities half a time step away from the
positions. After "maxwell" the difference is immaterial: the draw is independent of the positions.
"keep" and "rotate" carry the half-step velocity over as it is, an error of order dt in one step's
force, once per jump.
"""

from ._bridge import PHASE_PARAMETER, PHASE_TURN

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


def add_turning(integrator):
    """Append the computations of "rotate", at the end of a jump: ``x`` is where the jump ended."""
    integrator.addComputePerDof("jumped", "x")
    # The bridge is shown velocities where it otherwise sees positions.
    integrator.addComputePerDof("x", "v")
    integrator.addComputeGlobal(PHASE_PARAMETER, str(PHASE_TURN))
    integrator.addComputePerDof("v", "v+f31")
    integrator.addComputeGlobal(PHASE_PARAMETER, "0")
    integrator.addComputePerDof("x", "jumped")


def add_projection(integrator, rule):
    """Append the computations of "maxwell" or "keep".

    They need a step of their own: OpenMM projects velocities on the constraints as they were at the
    start of a step, which in the step of the jump is before the atoms moved.
    """
    if rule == "maxwell":
        integrator.addComputePerDof("v", "sqrt(kT/m)*gaussian")
    integrator.addConstrainVelocities()
