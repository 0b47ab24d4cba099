"""Elastic kinematics: forces move atoms, constrained arms keep their lengths."""

import torch
from torch import Tensor, nn

from ..data import WindowBlocks
from ..mechanics import rotation_matrix
from .layers import ElasticRegression

# Windows at a time: bounds memory.
_BLOCK = 1_000


class ElasticMechanism(nn.Module):
    """Displacements of all atoms: linear autoregression in positions and arms, and forces.

    Parameters
    ----------
    context : MoleculeContext
    history, neighbours : int
        T; arms from each atom in the linear part, to the atoms that are fewest bonds away.
    constrained : bool
        Whether constrained atoms move by rotations of their arms (and constraints are kept), or
        freely.
    """

    def __init__(self, context, history: int, neighbours: int, *, constrained: bool):
        super().__init__()
        n_atoms = len(context.masses)
        self.constrained = constrained and context.forest.n_arms > 0
        self.regression = ElasticRegression(context.near.nearest(neighbours), history)
        self.register_buffer("scale", torch.ones(n_atoms, 1))

    def forward(self, context, x: Tensor, h: Tensor, force: Tensor) -> Tensor:
        """Displacements ``(B, N, 3)``, Å, of windows ``(B, T, N, 3)``."""
        return self.regression(x) + self.scale * force.squeeze(2)

    def move(self, context, base: Tensor, step: Tensor, rotation, translation):
        """Displace, by forward kinematics where arms are constrained; then move rigidly."""
        moved = base + step
        if self.constrained:
            # The least rotation of each arm that takes it to where it was sent, at its length.
            shift, turn, _ = context.forest.increments(base, moved)
            moved = context.forest.step(base, shift, turn)
        if rotation is None:
            eye = torch.eye(3, dtype=base.dtype, device=base.device)
            return moved, eye.expand(base.shape + (3,))
        centre = context.body.centres(moved) + translation
        return context.body.place(moved, rotation_matrix(rotation.to(base.dtype)), centre)

    def fit(self, context, windows: WindowBlocks) -> None:
        """Least squares, and the size of what it leaves to the forces."""
        # Each atom has equations of its own, for which all windows are gone through.
        windows, targets = windows.join()
        self.regression.fit(windows, targets)
        square = sum(
            (y - x[:, -1] - self.regression(x)).square().sum((0, 2))
            for x, y in zip(windows.split(_BLOCK), targets.split(_BLOCK), strict=True)
        )
        size = (square / (3 * len(windows))).sqrt()
        self.scale.copy_(size.clamp_min(1e-6).unsqueeze(-1))
