"""The callable that OpenMM's Python forces run and pickle."""

import math

import numpy as np
import torch
from openmm import unit

from ._bridge import PHASE_PARAMETER
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
    bridge : JumpBridge or MoveBridge
    model : TrajectoryModel
    tries : int, optional
        Trials in an exact Monte Carlo move; None for a jump.
    """

    def __init__(self, bridge, model, tries=None):
        self._bridge, self._tries = bridge, tries
        self._lag = model.jump_frames if model.has_density else None
        self._source = None if model.source is None else str(model.source)
        self._sha256 = model.sha256
        self._pairs = bridge.pairs.tolist()
        self._lengths = bridge.lengths.tolist()
        self._error = None
        self._keeps_errors = True
        self._nothing = np.zeros((model.spec.n_atoms, 3))

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
                    positions = torch.as_tensor(
                        state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
                    )
                energy, forces = self._bridge(positions, torch.tensor(phase))
                return float(energy), (forces.to(positions) if as_tensor else forces.cpu().numpy())
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
            "pairs": self._pairs,
            "lengths": self._lengths,
            "tries": self._tries,
            "lag": self._lag,
        }

    def __setstate__(self, state):
        self._bridge = None
        self._source, self._sha256 = state["source"], state["sha256"]
        self._pairs, self._lengths = state["pairs"], state["lengths"]
        self._tries, self._lag = state["tries"], state["lag"]
        self._error = None
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
        pairs = torch.tensor(self._pairs, dtype=torch.int64).reshape(-1, 2)
        lengths = torch.tensor(self._lengths, dtype=torch.float64)
        self._bridge = eager_bridge(model, pairs, lengths, self._tries)
        self._nothing = np.zeros((model.spec.n_atoms, 3))
