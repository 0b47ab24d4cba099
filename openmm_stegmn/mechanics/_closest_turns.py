"""Inverse kinematics: the turns of an articulated body that bring a frame close to another."""

import torch
from torch import Tensor

from ._articulated import ArticulatedBody
from ._rotations import wrap_angle
from ._superpose import superpose

# Levenberg-Marquardt: first damping relative to the mean diagonal, and its factors.
_DAMPING, _RAISE, _LOWER = 1e-3, 10.0, 0.3
# Frames at a time: bounds the memory of the derivatives, some 200 kB a frame of 140 atoms.
_BLOCK = 500


@torch.no_grad()
def closest_turns(
    body: ArticulatedBody, base: Tensor, target: Tensor, stiffness=0.0, iterations: int = 30
):
    r"""Turns of the rotatable bonds that take a frame closest to another.

    .. math:: \min_{Δq, R, t} \sum_i |x_i(Δq, R, t) - y_i|^2
              + \sum_b k_b\, (Δq_b - Δq_b^\mathrm{true})^2

    up to local minima, by Levenberg-Marquardt from two starts: no turn, and the true differences of
    the torsions. The latter alone are no good answer: where bond angles change too, as they do all
    the time, the true torsions of a chain on the lengths and angles of the last frame put its ends
    far from where they went. With no stiffness torsions go wherever positions send them; a
    stiffness k_b (Å²/rad²) holds them near the true ones.

    Parameters
    ----------
    body : ArticulatedBody
    base, target : Tensor, ``(n, n_atoms, 3)``
        Å.
    stiffness : float or Tensor, ``(n_bonds,)``
        Å²/rad².
    iterations : int
        From each start.

    Returns
    -------
    turns : Tensor, ``(n, n_bonds)``
        rad, in float64, as :meth:`ArticulatedBody.move` takes them.
    frames : Tensor, ``(n, n_atoms, 3)``
        Å, the frames of ``base`` so turned, superposed on the target (all atoms alike), float64.
    """
    stiffness = torch.as_tensor(stiffness, dtype=torch.float64, device=base.device)
    stiffness = stiffness.expand(body.n_bonds)
    found = [
        _of_both_starts(body, x.double(), y.double(), stiffness, iterations)
        for x, y in zip(base.split(_BLOCK), target.split(_BLOCK), strict=True)
    ]
    turns, frames = (torch.cat(part) for part in zip(*found, strict=True))
    return turns, frames


def _of_both_starts(body, base, target, stiffness, iterations):
    true = wrap_angle(body.torsions(target) - body.torsions(base))
    found = [
        _approach(body, base, start, target, true, stiffness, iterations)
        for start in (torch.zeros_like(true), true)
    ]
    turns, frames, costs = (torch.stack(part) for part in zip(*found, strict=True))
    best, number = costs.argmin(0), torch.arange(len(base), device=base.device)
    return turns[best, number], frames[best, number]


def _approach(body, base, turns, target, true, stiffness, iterations):
    """Turns, frames, and what is minimised, after least squares from a start."""
    alike = torch.ones(target.shape[1], dtype=target.dtype, device=target.device)

    def place(turns):
        frame = superpose(body.move(base, turns)[0], target, alike)
        held = stiffness * (turns - true).square()
        return frame, (frame - target).square().sum((1, 2)) + held.sum(1)

    frame, cost = place(turns)
    damping = torch.full_like(cost, _DAMPING)
    for _ in range(iterations):
        columns = _columns(body, frame)
        normal = columns @ columns.transpose(1, 2)
        moment = (columns @ (target - frame).flatten(1).unsqueeze(-1)).squeeze(-1)
        # Rigid motion, six columns after those of the bonds, is free.
        normal.diagonal(dim1=1, dim2=2)[:, : body.n_bonds] += stiffness
        moment[:, : body.n_bonds] += stiffness * (true - turns)
        diagonal = normal.diagonal(dim1=1, dim2=2)
        diagonal += (damping * diagonal.mean(1)).unsqueeze(1)
        tried = turns + torch.linalg.solve(normal, moment)[:, : body.n_bonds]
        moved, new = place(tried)
        better = new < cost
        turns = torch.where(better[:, None], tried, turns)
        frame = torch.where(better[:, None, None], moved, frame)
        cost = torch.where(better, new, cost)
        damping = (damping * torch.where(better, _LOWER, _RAISE)).clamp(1e-12, 1e6)
    return turns, frame, cost


def _columns(body, frame):
    """Derivatives of the positions: a row a bond, then six of rigid motion, ``(n, rows, 3 N)``."""
    units = torch.eye(3, dtype=frame.dtype, device=frame.device)[:, None]
    shifted = units.expand(len(frame), 3, frame.shape[1], 3)
    centred = (frame - frame.mean(1, keepdim=True)).unsqueeze(1).expand_as(shifted)
    rotated = torch.linalg.cross(shifted, centred)
    return torch.cat([body.turning(frame), shifted, rotated], 1).flatten(2)
