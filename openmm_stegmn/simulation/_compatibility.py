"""Does this integrator, or this system after an earlier propagator, fit? Asked before anything is
changed."""

import openmm
from openmm import unit

from ._backends import BRIDGE_NAME
from ._context import system_in_use
from ._errors import IncompatibleModelError
from ._member import BRIDGE_GROUP

#: How far from an integer the number of steps in a frame may be.
STEPS_TOLERANCE = 1e-6


#: Integrators that move more than the positions of the context, and what.
_NOT_OF_ONE_MOLECULE = {
    "RPMDIntegrator": "several copies of the system (a ring polymer)",
    "DrudeLangevinIntegrator": "Drude particles with their parents",
    "DrudeNoseHooverIntegrator": "Drude particles with their parents",
    "DrudeSCFIntegrator": "Drude particles with their parents",
}


def check_integrator(integrator):
    """Raise an error unless `integrator` can be the physical member of a propagator.

    Raises
    ------
    ValueError
        If it is no integrator, several, or taken.
    IncompatibleModelError
        If it moves more than one set of classical particles.
    """
    if not isinstance(integrator, openmm.Integrator) or isinstance(
        integrator, openmm.CompoundIntegrator
    ):
        raise ValueError(
            f"integrator must be one ordinary OpenMM integrator, found {type(integrator).__name__}."
        )
    name = type(integrator).__name__
    if name in _NOT_OF_ONE_MOLECULE:
        raise IncompatibleModelError(
            f"{name} moves {_NOT_OF_ONE_MOLECULE[name]}, which jumps do not: use an integrator of "
            "classical particles such as LangevinMiddleIntegrator."
        )
    if not integrator.thisown:
        raise ValueError(
            f"This {name} already belongs to another propagator or "
            "CompoundIntegrator: make a new one."
        )


def steps_per_frame(model, integrator):
    """Number of physical steps in the model's frame interval.

    Raises
    ------
    IncompatibleModelError
        If the time step does not divide the frame interval, or varies.
    """
    if "Variable" in type(integrator).__name__:
        raise IncompatibleModelError(
            f"{type(integrator).__name__} changes its time step, but the model needs frames "
            f"exactly {model.frame_interval:g} ps apart: use an integrator with a fixed step."
        )
    step = integrator.getStepSize().value_in_unit(unit.picosecond)
    ratio = model.frame_interval / step if step > 0 else 0.0
    count = round(ratio)
    if count < 1 or abs(ratio - count) > STEPS_TOLERANCE:
        raise IncompatibleModelError(
            f"The model's frame interval is {model.frame_interval:g} ps and the time step "
            f"{1000 * step:g} fs, which is {ratio:.6g} steps a frame: choose a time step that "
            "divides the frame interval into whole steps."
        )
    return count


def leftover_bridge(system):
    """Index of the bridge force that an earlier propagator added to `system`, or None.

    Raises
    ------
    IncompatibleModelError
        If another force occupies the bridge's group, or a live Context still uses the leftover.
    """
    found = None
    for index, force in enumerate(system.getForces()):
        reciprocal = (
            force.getReciprocalSpaceForceGroup() if isinstance(force, openmm.NonbondedForce) else -1
        )
        if BRIDGE_GROUP not in (force.getForceGroup(), reciprocal):
            continue
        if force.getName() != BRIDGE_NAME:
            raise IncompatibleModelError(
                f"Force group {BRIDGE_GROUP} belongs to jumps, but {force.getName()!r} is in it: "
                "move that force to another group."
            )
        found = index
    if found is not None and system_in_use(system):
        raise IncompatibleModelError(
            "This System already has a propagator whose Context is alive: delete that Context "
            "(or Simulation) first, or make the new propagator with a copy of the System: "
            "openmm.XmlSerializer.deserialize(system_xml(system))."
        )
    return found
