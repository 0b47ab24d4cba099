"""The ways to call the bridge from OpenMM, and the choice among them.

================ =============================== ================================================
backend          force                           needs
================ =============================== ================================================
"python-torch"   openmmtorch.PythonTorchForce    openmm-torch later than June 2026
"torch"          openmmtorch.TorchForce (script) openmm-torch built for the torch installed
"python"         openmm.PythonForce              OpenMM >= 8.6
"auto"           the first of these that works; where OpenMM and torch have a GPU, "python"
                 before "torch"
================ =============================== ================================================

All of them run the same bridge (`JumpBridge`, `MoveBridge`) and give the same trajectory. On a GPU
the Python ones run the network as a CUDA graph (`CapturedCall`): one launch, where a TorchForce has
hundreds, which take longer than the way through Python. The property ``useCUDAGraphs`` of a
TorchForce would capture the whole bridge, which reads the phase to decide what to do; a graph
cannot.
"""

import contextlib
import copy
import importlib
import logging
import warnings
from dataclasses import dataclass

import openmm
import torch

from ._bridge import PHASE_PARAMETER
from ._make_bridge import scripted_bridge
from ._python_bridge import PythonBridge

BACKENDS = ("python-torch", "torch", "python")
BRIDGE_NAME = "STEGMNBridge"
#: Of OpenMM, whose GPUs torch can use too.
GPU_PLATFORMS = frozenset({"CUDA", "HIP"})


@dataclass
class BridgeForce:
    """A force that answers the jump integrator.

    Attributes
    ----------
    force : openmm.Force
    backend : str
        One of `BACKENDS`.
    callable : PythonBridge or None
        What Python back-ends call; it holds the exception that a jump met.
    """

    force: openmm.Force
    backend: str
    callable: PythonBridge | None

    def move_to_platform(self, context):
        """Have Python back-ends run the model on the GPU that a Context uses, if torch can use it.

        openmm-torch does so by itself. On other platforms the model stays where it is.
        """
        platform = context.getPlatform()
        if self.callable is None:
            return
        if platform.getName() in GPU_PLATFORMS and torch.cuda.is_available():
            index = platform.getPropertyValue(context, "DeviceIndex").split(",")[0]
            self.callable.move_to(torch.device("cuda", int(index)))
        elif self.callable.fused:
            warnings.warn(
                f"fused=True is of no effect on platform {platform.getName()}: kernels are fused "
                "where OpenMM and torch both run on a GPU.",
                stacklevel=2,
            )

    def take_error(self):
        """Return the exception that the last jump met inside Python, or None, and forget it."""
        return self.callable.take_error() if self.callable is not None else None


def build_bridge_force(backend, model, embedding, tries=None, substeps=1, fused=False):
    """Make the force through which a propagator calls its model.

    Parameters
    ----------
    backend : str
        "auto" or one of `BACKENDS`.
    model : TrajectoryModel
        Copied; the caller's stays as it is.
    embedding : Embedding
        Where the model's atoms are in the system.
    tries : int, optional
        Trials in an exact Monte Carlo move; None for a jump.
    substeps : int
        That a jump is walked in.
    fused : bool
        Whether the network's kernels are fused on a GPU, which Python back-ends can do.

    Raises
    ------
    ValueError
        For an unknown name, or kernels fused with a back-end that cannot.
    RuntimeError
        When the back-end asked for is not to be had here.
    """
    if backend != "auto" and backend not in BACKENDS:
        raise ValueError(
            f"Unknown backend {backend!r}: expected 'auto' or one of "
            f"{', '.join(map(repr, BACKENDS))}."
        )
    if fused and backend == "torch":
        raise ValueError(
            "fused=True needs a back-end that calls Python, but backend='torch' runs a script: "
            "pass backend='auto' or 'python'."
        )
    own = copy.deepcopy(model).eval().requires_grad_(False)
    problem, names = None, _in_order() if backend == "auto" else (backend,)
    if fused:
        names = tuple(name for name in names if name != "torch")
    for name in names:
        try:
            built = _BUILDERS[name](own, embedding, tries, substeps, fused)
        except BackendMissing as missing:
            problem = missing if problem is None or name == "torch" else problem
            continue
        # Where kernels are to be fused, "python" is no makeshift.
        if backend == "auto" and name == "python" == names[-1] and not fused:
            warnings.warn(
                f"{problem} Using openmm.PythonForce instead (backend 'python').", stacklevel=3
            )
        built.force.setName(BRIDGE_NAME)
        built.force.setUsesPeriodicBoundaryConditions(embedding.periodic)
        return built
    raise RuntimeError(str(problem))


def _in_order():
    """Back-ends as "auto" tries them; which platform will be used is not known yet."""
    platforms = {
        openmm.Platform.getPlatform(n).getName() for n in range(openmm.Platform.getNumPlatforms())
    }
    if torch.cuda.is_available() and GPU_PLATFORMS & platforms:
        return ("python-torch", "python", "torch")  # of the last, nothing runs as a CUDA graph
    return BACKENDS


class BackendMissing(Exception):
    """A back-end that cannot be used here; the text says what was found and what it needs."""


def import_openmmtorch():
    """Import openmm-torch, which is optional and may be broken in more ways than by absence.

    Raises
    ------
    BackendMissing
        One line on what was found and what is needed.
    """
    try:
        with _silent_root_logger():
            return importlib.import_module("openmmtorch")
    except ModuleNotFoundError as error:
        if error.name == "openmmtorch":
            raise BackendMissing(
                "openmm-torch is not installed (the extras cpu, cuda12 and cuda13 bring it)."
            ) from error
        found = error
    except Exception as error:  # a library that does not fit raises nearly anything
        found = error
    reason = (str(found).splitlines() or [type(found).__name__])[0]
    raise BackendMissing(
        f"openmm-torch is installed but does not import ({reason}); it needs the torch and OpenMM "
        f"it was built for, found torch {torch.__version__} and OpenMM "
        f"{openmm.Platform.getOpenMMVersion()}."
    ) from found


@contextlib.contextmanager
def _silent_root_logger():
    # openmm-torch imports simtk.openmm, which logs that it is deprecated.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _python_torch_force(model, embedding, tries, substeps, fused):
    module = import_openmmtorch()
    if not hasattr(module, "PythonTorchForce"):
        raise BackendMissing(
            "This openmm-torch has no PythonTorchForce: it needs one built after June 2026."
        )
    call = PythonBridge(model, embedding, tries, substeps, fused)
    return BridgeForce(module.PythonTorchForce(call, {PHASE_PARAMETER: 0.0}), "python-torch", call)


def _torch_force(model, embedding, tries, substeps, fused):
    module = import_openmmtorch()
    if not hasattr(module, "TorchForce"):
        raise BackendMissing("This openmm-torch has no TorchForce.")
    # On a GPU openmm-torch moves the module itself, so it starts on the CPU wherever the user's
    # model lives.
    with warnings.catch_warnings():
        # TorchScript is deprecated, but it is what a TorchForce takes.
        warnings.simplefilter("ignore", DeprecationWarning)
        force = module.TorchForce(scripted_bridge(model.cpu(), embedding, tries, substeps))
    force.setOutputsForces(True)
    force.addGlobalParameter(PHASE_PARAMETER, 0.0)
    return BridgeForce(force, "torch", None)


def _python_force(model, embedding, tries, substeps, fused):
    call = PythonBridge(model, embedding.alone(), tries, substeps, fused)
    force = openmm.PythonForce(call, {PHASE_PARAMETER: 0.0})
    if not embedding.whole:
        # Positions and forces of no other particle pass through Python.
        force.setParticles(embedding.atoms)
    return BridgeForce(force, "python", call)


_BUILDERS = {"python-torch": _python_torch_force, "torch": _torch_force, "python": _python_force}
