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
    horizon : int, optional
        P, to predict the motion from the last frame to each of P; if None, to the next.
    """

    def __init__(self, history: int, horizon: int | None = None):
        super().__init__()
        shape = (history - 1,) if horizon is None else (horizon, history - 1)
        self.register_buffer("rotation_weights", torch.zeros(shape))
        self.register_buffer("translation_weights", torch.zeros(shape))

    def forward(self, body: ArticulatedBody, window: Tensor, superposing: Tensor | None = None):
        """Rotation vectors and translations of the molecules.

        Each ``(..., n_molecules, 3)``, or ``(..., P, n_molecules, 3)``.

        Parameters
        ----------
        body : ArticulatedBody
        window : Tensor, ``(..., T, n_atoms, 3)``
        superposing : Tensor, ``(..., T, 3, 3)``, optional
            Rotations that superpose all atoms of each frame on the last, if they are known: those
            of one molecule are not sought again.
        """
        weights = self.rotation_weights, self.translation_weights
        # A matrix product serves one row of weights and P alike
        return tuple(
            (own @ past.flatten(-2)).unflatten(-1, past.shape[-2:])
            for own, past in zip(weights, self._past(body, window, superposing), strict=True)
        )

    def _past(self, body, window, superposing=None):
        """Rigid motion from the last frame to earlier ones, ``(..., T - 1, n_molecules, 3)``."""
        last, past = window[..., -1:, :, :], window[..., :-1, :, :]
        if superposing is not None and body.n_molecules == 1:
            turned = -rotation_vector(superposing[..., :-1, None, :, :])
        else:
            turned = rotation_vector(body.superposition(last.expand_as(past), past))
        centres = body.centres(window)
        return turned, centres[..., :-1, :, :] - centres[..., -1:, :, :]

    def fit(self, body: ArticulatedBody, windows: WindowBlocks) -> None:
        """Least squares over windows, with the next frame of each or, if there are weights, P."""
        buffers = [
            torch.atleast_2d(self.rotation_weights),
            torch.atleast_2d(self.translation_weights),
        ]
        equations = [[SharedRegression(len(row)) for row in buffer] for buffer in buffers]
        for window, targets in windows:
            if self.rotation_weights.dim() == 1:
                targets = targets.unsqueeze(1)
            motion = body.rigid_increments(window[:, -1:], targets)
            past = self._past(body, window)
            for rows, steps, own in zip(equations, motion, past, strict=True):
                features = own.transpose(0, 1).flatten(1).T
                for each, step in zip(rows, steps.unbind(1), strict=True):
                    each.add(features, step.flatten())
        for buffer, rows in zip(buffers, equations, strict=True):
            for weights, each in zip(buffer, rows, strict=True):
                # Superposed training windows have no rigid motion to learn from: predict none.
                if each.largest > 1e-3:
                    weights.copy_(each.solution())
