"""Accuracy of a model: in torsions, on the circle, and in positions."""

import math
from dataclasses import asdict, dataclass

import torch

from ..data import WindowSet, superpose_windows
from ..mechanics import superpose, wrap_angle
from ._memory import bytes_of_window, room

# Atoms in all frames of the windows that are evaluated at a time
_ATOMS = 2_000_000


@dataclass(frozen=True)
class Accuracy:
    """Errors of the frame that a model jumps to: the last of its horizon.

    None where there is nothing to average over: rotatable bonds or heavy atoms.
    """

    torsion_rmse: tuple
    """Root mean square of each rotatable bond's error on the circle, degrees."""
    torsion_mae: tuple
    """Mean absolute error of each rotatable bond on the circle, degrees."""
    mean_torsion_rmse: float | None
    """Root of the mean square over bonds and windows, degrees."""
    mean_torsion_mae: float | None
    """Degrees."""
    position_mse: float
    """Mean square over atoms and x, y, z of the deviation, after superposing, Å²."""
    position_mse_heavy: float | None
    """The same over heavy atoms."""
    position_mae: float
    """Mean distance of an atom from where it went, Å."""
    n_windows: int

    def as_dict(self):
        """Plain values, ready for JSON."""
        return asdict(self)


@torch.no_grad()
def evaluate(model, windows: WindowSet, batch_size: int | None = None) -> Accuracy:
    """Compare predicted frames with what followed.

    What is compared is the frame that a jump goes to, the last of the model's horizon. Every frame
    of a window, the target and the prediction are superposed (mass-weighted) on the last frame of
    the window first: whole-molecule diffusion is not what is judged.

    Parameters
    ----------
    model : TrajectoryModel
    windows : WindowSet
        Of ``model.segment`` frames, or more. Moved to the device of the model.
    batch_size : int, optional
        Windows at a time; by default 1000, or as many as fit in memory.

    Raises
    ------
    ValueError
        If the windows are too short.
    """
    ahead = model.history + model.horizon - 1
    if windows.history < ahead:
        raise ValueError(
            f"windows of {windows.history} frames are too short for a model that reads "
            f"{model.history} and predicts {model.horizon}: make them with history={ahead}"
        )
    body, device = model.context.body, model.context.masses.device
    windows = windows.to(device)
    if batch_size is None:
        window = bytes_of_window(
            lambda index: model(
                windows.take((index % len(windows)).to(device))[0][:, : model.history]
            )
        )
        fitting = int(room(device) // max(1, window)) + 1
        batch_size = min(windows.at_most(1000, _ATOMS), fitting)
    masses = model.context.masses
    heavy = torch.tensor([element != "H" for element in model.spec.elements], device=device)
    squares, distances, angle_squares, angles = _Mean(), _Mean(), _Mean(), _Mean()
    for index in torch.arange(len(windows), device=device).split(batch_size):
        frames = windows.take_stretches(index)
        ends = frames[:, : model.history], frames[:, ahead]
        window, target = superpose_windows(*ends, masses)
        frame = superpose(model(window)[:, -1], window[:, -1], masses.to(window))
        error = torch.rad2deg(wrap_angle(body.torsions(frame) - body.torsions(target)).double())
        deviation = frame - target
        squares.add((deviation * deviation).mean(-1))
        distances.add(torch.linalg.vector_norm(deviation, dim=-1))
        angle_squares.add(error * error)
        angles.add(error.abs())
    return Accuracy(
        torsion_rmse=tuple(angle_squares.mean().sqrt().tolist()),
        torsion_mae=tuple(angles.mean().tolist()),
        mean_torsion_rmse=_root(_mean(angle_squares.mean())),
        mean_torsion_mae=_mean(angles.mean()),
        position_mse=squares.mean().mean().item(),
        position_mse_heavy=_mean(squares.mean()[heavy]),
        position_mae=distances.mean().mean().item(),
        n_windows=len(windows),
    )


def _mean(values):
    """None of nothing."""
    return values.mean().item() if len(values) else None


def _root(value):
    return None if value is None else math.sqrt(value)


class _Mean:
    """Mean over windows, which come in blocks, in double precision."""

    def __init__(self):
        self.sum, self.count = 0.0, 0

    def add(self, values):
        """Count values ``(n, ...)``."""
        self.sum, self.count = self.sum + values.double().sum(0), self.count + len(values)

    def mean(self):
        """``(...)``."""
        return self.sum / self.count
