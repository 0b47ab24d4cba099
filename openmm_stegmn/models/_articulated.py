"""Articulated kinematics: forces turn rotatable bonds."""

import torch
from torch import Tensor, nn

from ..data import WindowBlocks
from ..mechanics import closest_turns, wrap_angle
from ._near_pairs import NearPairs
from .layers import BondMechanics, LagRegression, relative_torsions, torsion_history

# Windows that least squares sees, and iterations that find the best turns of each.
_FITTED, _ITERATIONS = 20_000, 3
#: Of up to so many bonds each depends on the past of all, and of more on that of the nearest ones.
ALL_BONDS, NEAREST_BONDS = 4_096, 32


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
        partners = _nearest_bonds(context.body) if n_bonds > ALL_BONDS else None
        self.regression = LagRegression(
            n_bonds, history, coupled=True, ridge=None, partners=partners
        )
        self.bonds = BondMechanics(history, hidden, channels, heads)

    def forward(self, context, x: Tensor, h: Tensor, force: Tensor) -> Tensor:
        """Increments ``(B, n_bonds)``, rad, of windows ``(B, T, N, 3)``."""
        past, last = torsion_history(context.body, x)
        return self.regression(past) + self.bonds(context.body, x[:, -1], past, last, h, force)

    def move(self, context, base: Tensor, step: Tensor, rotation, translation):
        """Forward kinematics: the moved frame, and the rotation of each atom's fragment."""
        return context.body.move(base, step, rotation, translation)

    def fit(self, context, windows: WindowBlocks) -> None:
        """Least squares of the turns that bring superposed windows closest to their targets.

        Closest in torsions and positions, each relative to how far they are from the last frame:
        see :func:`~openmm_stegmn.mechanics.closest_turns`.
        """
        body = context.body
        windows, angles, distance = windows.evenly(_FITTED), 0.0, 0.0
        for window, target in windows:
            last = window[:, -1]
            turned = wrap_angle(body.torsions(target) - body.torsions(last))
            angles = angles + turned.double().square().sum(0)
            distance = distance + (target - last).double().square().sum()
        spread = (angles / len(windows)).clamp_min(1e-6)
        stiffness = distance / len(windows) / (spread * len(spread))
        past, turns = [], []
        for window, target in windows:
            found, _ = closest_turns(body, window[:, -1], target, stiffness, _ITERATIONS)
            past.append(relative_torsions(body, window))
            turns.append(found.to(window))
        self.regression.fit(torch.cat(past), torch.cat(turns))


def _nearest_bonds(body):
    """Each bond and the fewest fragments away others, ``(n_bonds, k)``."""
    around = {}
    for bond, atoms in enumerate(body.torsion_atoms[:, 1:3]):
        for fragment in body.fragment_of_atom[atoms].tolist():
            around.setdefault(fragment, []).append(bond)
    neighbours = [[] for _ in range(body.n_bonds)]
    for bonds in around.values():
        for bond in bonds:
            neighbours[bond] += [other for other in bonds if other != bond]
    alike = torch.zeros(body.n_bonds, dtype=torch.long)
    nearest = NearPairs(neighbours, alike).nearest(NEAREST_BONDS)
    return torch.cat([torch.arange(body.n_bonds)[:, None], nearest], 1)
