"""What single precision and less of it leave of the answer of double precision."""

import functools
from dataclasses import dataclass

import torch

from ._speed_jobs import SpeedJob
from ._speed_modes import NextFrame, inference, train_for

# Training steps before precision is measured, so that networks do something.
_TRAINED = 30


@dataclass(frozen=True)
class PrecisionJob(SpeedJob):
    """Errors and time of inference, the same weights against double precision.

    ``mode`` is a way to run it and a precision, with a comma between.
    """

    part: str = "precision"

    def measure(self):
        mode, precision = self.mode.split(", ")
        model, window, expected = _trained(self.case, self.model)
        device = self.settings.device
        call = inference(model.to(device), window.to(device), mode, precision)
        found = call().double().cpu()
        timing, base = self.timed(call), window[:, -1].double()
        moved = (expected - base).square().mean().sqrt()
        error = found - expected
        measured = timing.as_dict() | {
            "relative_error": float(error.square().mean().sqrt() / moved),
            "worst_error": float(error.abs().max()), "moved": float(moved),
        }  # fmt: skip
        return measured, {}


@functools.lru_cache
def _trained(case, name):
    """A model that was trained for a little, windows, and what follows in double precision."""
    windows = case.windows()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = train_for(_TRAINED, case.build(name), windows, case.batch, "cpu")
    window, _ = windows.take(torch.arange(case.batch))
    window = window.clone()
    with torch.no_grad():
        double = NextFrame(case.build(name).double())
        double.model.load_state_dict(model.state_dict())
        return model, window, double(window.double(), window[:, -1].double())
