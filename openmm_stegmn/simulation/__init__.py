"""Hybrid simulation: the propagator that a user adds to OpenMM, and the reporter for it."""

from ._backends import BACKENDS
from ._constraints import system_constraints
from ._errors import IncompatibleModelError
from ._fit import check_fit
from ._guard import DEFAULT_ENERGY_THRESHOLD, GUARDS, JUMP_KINDS, Guard
from ._propagator import STEGMNPropagator
from ._reporter import HybridReporter
from ._statistics import FrameRecord, JumpStatistics, Origin
from ._system_xml import system_xml
from ._velocities import VELOCITY_RULES

__all__ = [
    "BACKENDS",
    "DEFAULT_ENERGY_THRESHOLD",
    "GUARDS",
    "JUMP_KINDS",
    "VELOCITY_RULES",
    "FrameRecord",
    "Guard",
    "HybridReporter",
    "IncompatibleModelError",
    "JumpStatistics",
    "Origin",
    "STEGMNPropagator",
    "check_fit",
    "system_constraints",
    "system_xml",
]
