"""Articulated kinematics: forces turn rotatable bonds."""

from torch import Tensor, nn

from ..mechanics import wrap_angle
from .layers import BondMechanics, LagRegression, relative_torsions


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
        self.regression = LagRegression(n_bonds, history, coupled=True, ridge=1e-6)
        self.bonds = BondMechanics(history, hidden, channels, heads)

    def forward(self, context, x: Tensor, h: Tensor, force: Tensor) -> Tensor:
        """Increments ``(B, n_bonds)``, rad, of windows ``(B, T, N, 3)``."""
        past = relative_torsions(context.body, x)
        return self.regression(past) + self.bonds(context.body, x[:, -1], past, h, force)

    def move(self, context, base: Tensor, step: Tensor, rotation, translation):
        """Forward kinematics: the moved frame, and the rotation of each atom's fragment."""
        return context.body.move(base, step, rotation, translation)

    def fit(self, context, windows: Tensor, targets: Tensor) -> None:
        """Least squares of the increments over superposed windows."""
        body = context.body
        angles = wrap_angle(body.torsions(targets) - body.torsions(windows[:, -1]))
        self.regression.fit(relative_torsions(body, windows), angles)
