"""Translation and rotation of whole molecules, by shared autoregression."""

import torch
from torch import Tensor, nn

from ..data import WindowBlocks
from ..mechanics import ArticulatedBody, rotation_vector
from .layers import SharedRegression


class RigidMotion(nn.Module):
    """Predict how each molecule moves rigidly from how it moved before.

    Parameters
    ----------
    history : int
        T.
    """

    def __init__(self, history: int):
        super().__init__()
        self.register_buffer("rotation_weights", torch.zeros(history - 1))
        self.register_buffer("translation_weights", torch.zeros(history - 1))

    def forward(self, body: ArticulatedBody, window: Tensor):
        """Rotation vectors and translations of the molecules, each ``(..., n_molecules, 3)``."""
        turned, shifted = self._past(body, window)
        rotation = torch.einsum("t,...tmx->...mx", self.rotation_weights, turned)
        return rotation, torch.einsum("t,...tmx->...mx", self.translation_weights, shifted)

    def _past(self, body, window):
        """Rigid motion from the last frame to earlier ones, ``(..., T - 1, n_molecules, 3)``."""
        last, past = window[..., -1:, :, :], window[..., :-1, :, :]
        turned = rotation_vector(body.superposition(last.expand_as(past), past))
        return turned, body.centres(past) - body.centres(last)

    def fit(self, body: ArticulatedBody, windows: WindowBlocks) -> None:
        """Least squares over windows."""
        buffers = self.rotation_weights, self.translation_weights
        equations = [SharedRegression(len(buffer)) for buffer in buffers]
        for window, target in windows:
            steps = body.rigid_increments(window[:, -1], target)
            for each, past, step in zip(equations, self._past(body, window), steps, strict=True):
                each.add(past.transpose(0, 1).flatten(1).T, step.flatten())
        for buffer, each in zip(buffers, equations, strict=True):
            # Superposed training windows have no rigid motion to learn from: predict none.
            if each.largest > 1e-3:
                buffer.copy_(each.solution())
