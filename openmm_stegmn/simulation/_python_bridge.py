"""The callable that OpenMM's Python forces run and pickle."""

import math
from dataclasses import asdict

import numpy as np
import torch

from ._bridge import PHASE_PARAMETER
from ._embedding import Embedding
from ._make_bridge import eager_bridge


class PythonBridge:
    """Run a bridge for ``openmm.PythonForce`` or ``openmmtorch.PythonTorchForce``.

    OpenMM pickles this object as soon as it makes a force of it, and again into every serialised
    System. What is pickled is the path of the model file with its SHA-256 and the constraints,
    never the weights, and the time that its jumps are drawn for; a model that was never saved
    pickles to a stub that says so when it is called.

    An exception in here would reach the user without its type or traceback, and in the middle of a
    step. It is kept instead, the jump is made to fail, and the propagator raises it after the step.

    Parameters
    ----------
    model : TrajectoryModel
    embedding : Embedding
    tries : int, optional
        Trials in an exact Monte Carlo move; None for a jump.
    substeps : int
        That a jump is walked in.
    fused : bool
        Whether kernels of a GPU are fused.
    """

    def __init__(self, model, embedding, tries=None, substeps=1, fused=False):
        self._embedding, self._tries, self._substeps = embedding, tries, substeps
        self.fused = fused
        self._model = model
        self._bridge = eager_bridge(model, embedding, tries, substeps)
        self._lag = model.jump_frames if model.has_density else None
        self._source = None if model.source is None else str(model.source)
        self._sha256 = model.sha256
        self._error = None
        self._keeps_errors = True
        self._nothing = np.zeros((embedding.n_particles, 3))

    def move_to(self, device):
        """Run the model on another device from now on; the window must be shown anew."""
        self._bridge = eager_bridge(
            self._model.to(device), self._embedding, self._tries, self._substeps, self.fused
        )

    def __call__(self, state, positions=None):
        """Answer OpenMM: an energy and forces (see the phases of the bridge)."""
        phase = state.getParameters()[PHASE_PARAMETER]
        as_tensor = positions is not None
        if self._bridge is None:
            self._load()
        if phase == 0:
            return 0.0, (torch.zeros_like(positions) if as_tensor else self._nothing)
        try:
            if self._error is None:
                if not as_tensor:
                    positions = torch.as_tensor(state.getPositions(asNumpy=True)._value)
                inputs = (positions, torch.tensor(phase))
                if self._embedding.periodic:
                    inputs = (positions, _box(state), torch.tensor(phase))
                energy, forces = self._bridge(*inputs)
                return float(energy), (forces.to(positions) if as_tensor else forces.numpy())
        except BaseException as error:  # whatever it is, it must not cut a step in two
            if not self._keeps_errors:
                raise
            self._error = error
        # NaN fails every test of the jump integrator, which then restores the state.
        return math.nan, (torch.zeros_like(positions) if as_tensor else self._nothing)

    def take_error(self):
        """Return the exception that was kept, or None, and forget it."""
        error, self._error = self._error, None
        return error

    def __getstate__(self):
        return {
            "source": self._source,
            "sha256": self._sha256,
            "embedding": asdict(self._embedding),
            "tries": self._tries,
            "substeps": self._substeps,
            "lag": self._lag,
        }

    def __setstate__(self, state):
        self._bridge = None
        self._source, self._sha256 = state["source"], state["sha256"]
        self._embedding = Embedding(**state["embedding"])
        self._tries, self._substeps = state["tries"], state["substeps"]
        self._lag = state["lag"]
        self._error = None
        self._nothing = np.zeros((self._embedding.n_particles, 3))
        # No propagator knows this copy, so nobody would raise an error that it kept.
        self._keeps_errors = False

    def _load(self):
        from ..models import load_model

        if self._source is None:
            raise RuntimeError(
                "This System was saved with a jump model that has no file, so the model is not "
                "in it: save the model with save_model, load it with load_model, and make a new "
                "STEGMNPropagator for this System."
            )
        model = load_model(self._source).eval().requires_grad_(False)
        if model.sha256 != self._sha256:
            raise RuntimeError(
                f"The model file {self._source} has changed since this System was saved: its "
                f"SHA-256 is {model.sha256}, expected {self._sha256}. Make a new STEGMNPropagator "
                "for this System."
            )
        if model.has_density:
            model = model.at_lag(self._lag)
        self._bridge = eager_bridge(model, self._embedding, self._tries, self._substeps)


def _box(state):
    """Box vectors (3, 3), nm."""
    box = state.getPeriodicBoxVectors(asNumpy=True)._value
    return torch.as_tensor(np.array(box))
