"""Errors of predicted positions as they are, and the floor that rigid sticks set."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..data import WindowSet


@dataclass(frozen=True)
class PositionErrors:
    """Errors of predicted frames, without superposition, as published tables have them."""

    mse: float
    """Mean of the squared deviation over windows, heavy atoms and x, y, z, Å²."""
    mae: float
    """Mean of the absolute deviation over windows, heavy atoms and x, y, z, Å."""
    mse_all_atoms: float
    """The same over all atoms."""
    mae_all_atoms: float
    """The same over all atoms."""

    @classmethod
    def of(cls, predicted: Tensor, target: Tensor, heavy: Tensor) -> "PositionErrors":
        """Compare frames ``(n, n_atoms, 3)`` with what followed; ``heavy`` is ``(n_atoms,)``."""
        deviation = predicted.double() - target.double()
        return cls(
            mse=deviation[:, heavy].square().mean().item(),
            mae=deviation[:, heavy].abs().mean().item(),
            mse_all_atoms=deviation.square().mean().item(),
            mae_all_atoms=deviation.abs().mean().item(),
        )


@torch.no_grad()
def predict(model, windows: WindowSet, device="cpu", batch_size: int = 500):
    """Predicted frames and targets of all windows, each ``(n, n_atoms, 3)``, on the CPU."""
    model, windows = model.to(device).eval(), windows.to(device)
    predicted, targets = [], []
    for index in torch.arange(len(windows), device=device).split(batch_size):
        window, target = windows.take(index)
        predicted.append(model(window)[:, 0].cpu())
        targets.append(target.cpu())
    model.cpu()
    return torch.cat(predicted), torch.cat(targets)


def rigid_stick_frames(last: Tensor, target: Tensor, sticks, masses) -> Tensor:
    """The true next frames, but for the lengths of sticks: those are of the last frame.

    No model that moves sticks rigidly can be nearer to the truth, up to where the centre is: each
    stick keeps its direction and its centre of mass.

    Parameters
    ----------
    last, target : Tensor, ``(n, n_atoms, 3)``
        Å.
    sticks : sequence of pairs
        Bonds that share no atom.
    masses : sequence of float
    """
    frames = target.clone()
    for i, j in sticks:
        arm = target[:, j] - target[:, i]
        length = torch.linalg.vector_norm(last[:, j] - last[:, i], dim=-1, keepdim=True)
        change = arm * (length / torch.linalg.vector_norm(arm, dim=-1, keepdim=True) - 1)
        share = masses[j] / (masses[i] + masses[j])
        frames[:, i] -= share * change
        frames[:, j] += (1 - share) * change
    return frames
