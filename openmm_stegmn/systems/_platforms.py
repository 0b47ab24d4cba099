"""Which OpenMM platform to run on."""

from __future__ import annotations

import openmm

from ._errors import SetupError

_GPU_PLATFORMS = ("CUDA", "HIP", "OpenCL")
PRECISIONS = ("single", "mixed", "double")

#: Up to this many atoms Reference is faster than CPU; see :func:`choose_platform`.
REFERENCE_MAX_ATOMS = 120


def choose_platform(name: str = "auto", system: openmm.System | None = None) -> openmm.Platform:
    """The platform of that name, or the one that probably runs the system fastest here.

    ``"auto"`` takes the first of CUDA, HIP and OpenCL that has a GPU that works. Without one it
    takes Reference for systems of up to 120 atoms and CPU for others and for all with a
    ``CustomGBForce``: handing the work to threads costs the CPU platform some 0.4 ms a step,
    whatever the size. Measured with OpenMM 8.6.1 on two cores, bonds to hydrogen constrained, no
    cutoff, in microseconds a step (Reference / CPU):

    ======  ==========  ==================  ===========================
    atoms   vacuum      OBC2, native force  OBC2, ``implicit/obc2.xml``
    ======  ==========  ==================  ===========================
    22      10 / 372    34 / 513            1237 / 672
    44      26 / 381    120 / 558           1571 / 902
    88      78 / 387    447 / 687           2830 / 1202
    132     154 / 409   996 / 891           5002 / 1826
    176     258 / 465   1733 / 940          7989 / 2716
    264     543 / 521   3845 / 1390
    352     920 / 581   6823 / 2057
    ======  ==========  ==================  ===========================

    The two cross at about 120 atoms with native OBC2 and 250 in vacuum.

    Parameters
    ----------
    name : str
        ``"auto"`` or the name of an OpenMM platform, in any case.
    system : openmm.System, optional
        What is to be run; used by ``"auto"``.

    Raises
    ------
    SetupError
        If there is no such platform here, or no device that it can use.
    """
    if name.lower() == "auto":
        for gpu in _GPU_PLATFORMS:
            platform = _find(gpu)
            if platform is not None and _failure(platform, on_gpu=True) is None:
                return platform
        return _find("Reference" if _suits_reference(system) else "CPU") or _find("Reference")
    platform = _find(name)
    if platform is None:
        found = ", ".join(_installed())
        raise SetupError(f"platform {name!r} is not installed here: OpenMM found {found}")
    failure = _failure(platform)
    if failure is not None:
        raise SetupError(f"platform {platform.getName()} cannot be used here: {failure}")
    return platform


def _suits_reference(system: openmm.System | None) -> bool:
    if system is None:
        return False
    interpreted = any(isinstance(force, openmm.CustomGBForce) for force in system.getForces())
    return system.getNumParticles() <= REFERENCE_MAX_ATOMS and not interpreted


def _installed() -> list[str]:
    count = openmm.Platform.getNumPlatforms()
    return [openmm.Platform.getPlatform(i).getName() for i in range(count)]


def _find(name: str) -> openmm.Platform | None:
    for known in _installed():
        if known.lower() == name.lower():
            return openmm.Platform.getPlatformByName(known)
    return None


def platform_properties(
    platform: openmm.Platform, precision: str = "mixed", threads: int | None = None
) -> dict[str, str]:
    """What a Context on that platform is to be told: each platform takes what it knows.

    Parameters
    ----------
    platform : openmm.Platform
    precision : {"single", "mixed", "double"}
        On a GPU.
    threads : int, optional
        On the CPU platform; by default as many as there are cores. One where processes share them.

    Raises
    ------
    SetupError
        If there is no such precision.
    """
    if precision not in PRECISIONS:
        raise SetupError(f"precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    if platform.getName() == "CPU" and threads is not None:
        return {"Threads": str(threads)}
    return {"Precision": precision} if platform.getName() in _GPU_PLATFORMS else {}


def _failure(platform: openmm.Platform, on_gpu: bool = False) -> str | None:
    """Why a context cannot be made on the platform (`on_gpu`: on a GPU), None if one can.

    That a GPU platform is installed says nothing about whether there is a GPU.
    """
    system = openmm.System()
    system.addParticle(1.0)
    try:
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    except Exception as error:  # OpenMMException or what the driver raised
        return " ".join(str(error).split())
    if on_gpu and platform.getName() == "OpenCL":
        device = platform.getPropertyValue(context, "DeviceName").lower()
        # OpenCL runs on processors too, slower than the CPU platform does.
        if any(word in device for word in ("cpu", "processor", "pthread")):
            return f"its device, {device}, is no GPU"
    return None
