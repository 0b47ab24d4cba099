"""Articulated kinematics: forces turn rotatable bonds."""

import torch
from torch import Tensor, nn

from ..mechanics import closest_turns, wrap_angle
from .layers import BondMechanics, LagRegression, relative_torsions

# Windows that least squares sees, and iterations that find the best turns of each.
_FITTED, _ITERATIONS = 20_000, 3


class ArticulatedMechanism(nn.Module):
    """Turns of the rotatable bonds: coupled linear autoregression of the torsions, and torques.

    Parameters
    ----------
    context : MoleculeContext
    history, hidden, channels, heads : int
    """

    def __init__(self, context, history: int, hidden: int, channels: int, heads: int):
        super().__init__()
        n_bonds = context.body.n_bonds
        if n_bonds == 0:
            raise ValueError(
                "articulated kinematics turns rotatable bonds, and this molecule has none; "
                'choose kinematics = "elastic"'
            )
        self.regression = LagRegression(n_bonds, history, coupled=True, ridge=None)
        self.bonds = BondMechanics(history, hidden, channels, heads)

    def forward(self, context, x: Tensor, h: Tensor, force: Tensor) -> Tensor:
        """Increments ``(B, n_bonds)``, rad, of windows ``(B, T, N, 3)``."""
        past = relative_torsions(context.body, x)
        return self.regression(past) + self.bonds(context.body, x[:, -1], past, h, force)

    def move(self, context, base: Tensor, step: Tensor, rotation, translation):
        """Forward kinematics: the moved frame, and the rotation of each atom's fragment."""
        return context.body.move(base, step, rotation, translation)

    def fit(self, context, windows: Tensor, targets: Tensor) -> None:
        """Least squares of the turns that bring superposed windows closest to their targets.

        Closest in torsions and positions, each relative to how far they are from the last frame:
        see :func:`~openmm_stegmn.mechanics.closest_turns`.
        """
        body = context.body
        number = torch.linspace(0, len(windows) - 1, min(len(windows), _FITTED)).round().long()
        windows, targets = windows[number], targets[number]
        last = windows[:, -1]
        angles = wrap_angle(body.torsions(targets) - body.torsions(last))
        spread = angles.square().mean(0).clamp_min(1e-6)
        stiffness = (targets - last).square().sum((1, 2)).mean() / (spread * len(spread))
        turns, _ = closest_turns(body, last, targets, stiffness, _ITERATIONS)
        self.regression.fit(relative_torsions(body, windows), turns.to(windows))
