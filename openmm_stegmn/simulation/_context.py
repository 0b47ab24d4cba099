"""From an integrator back to the Context that it drives.

OpenMM hands an integrator no reference to its Context, yet a propagator needs one: only the Context
can set its clock and its step count, and tell the members of a `CompoundIntegrator` that positions
moved under them. The Context does keep the integrator it was made with, so a look through the
garbage collector's list finds it, once per Context (some ms).
"""

import gc

import openmm


def find_context(integrator):
    """Return the live `openmm.Context` that was made with `integrator`, or None."""
    for candidate in gc.get_objects():
        # type() and not isinstance(): proxies with a lying __class__ live in that list, too.
        if (
            issubclass(type(candidate), openmm.Context)
            and _attribute(candidate, "_integrator") is integrator
        ):
            return candidate
    return None


def system_in_use(system):
    """Whether some live `openmm.Context` was made with `system`."""
    return any(
        issubclass(type(candidate), openmm.Context) and _attribute(candidate, "_system") is system
        for candidate in gc.get_objects()
    )


def _attribute(context, name):
    # A Context whose constructor raised is in the list without its attributes.
    return getattr(context, name, None)
