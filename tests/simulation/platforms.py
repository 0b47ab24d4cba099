"""The platform that simulations run on in these tests.

Reference, or CPU where that would be slow. On a GPU, in double precision as most of what is
compared is compared to rounding::

    OPENMM_DEFAULT_PLATFORM=CUDA python -m pytest tests/simulation

`OPENMM_PRECISION` takes another of the platform's precisions.
"""

import os

import openmm

from openmm_stegmn.systems import platform_properties

CHOSEN = os.environ.get("OPENMM_DEFAULT_PLATFORM")
PLATFORMS = [CHOSEN] if CHOSEN else ["Reference", "CPU"]


def platform(usual="Reference"):
    """The platform chosen, or the usual one, with its properties: arguments of a Context."""
    found = openmm.Platform.getPlatformByName(CHOSEN or usual)
    precision = os.environ.get("OPENMM_PRECISION", "double")
    return found, platform_properties(found, precision, threads=1)
