"""What runs of the benchmark ``sampling`` run on: their numbers are rates over wall time."""

import functools

import openmm

from ..systems import choose_platform
from ._sampling_molecules import sampled_system
from ._speed_jobs import hardware


@functools.cache
def machine(platform: str, molecule: str) -> tuple[str, str]:
    """Name of the OpenMM platform of a molecule's runs, and of the processor or GPU under it.

    Parameters
    ----------
    platform : str
        As :func:`~openmm_stegmn.systems.choose_platform` takes it.
    molecule : str
        Of :data:`SAMPLING_MOLECULES`.

    Raises
    ------
    SetupError
        If there is no such platform here.
    """
    found, name = choose_platform(platform, sampled_system(molecule).system), "DeviceName"
    if name not in found.getPropertyNames():
        return found.getName(), hardware("cpu")
    system = openmm.System()
    system.addParticle(1.0)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), found)
    return found.getName(), found.getPropertyValue(context, name)
