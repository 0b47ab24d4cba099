"""How near turning bonds can get: the turns that bring a frame closest to another."""

import torch
from torch import Tensor

from ..mechanics import superpose

# Levenberg-Marquardt: iterations, first damping relative to the mean diagonal, and its factors.
_ITERATIONS, _DAMPING, _RAISE, _LOWER = 30, 1e-3, 10.0, 0.3


@torch.no_grad()
def closest_frames(body, base: Tensor, target: Tensor) -> Tensor:
    """Frames with the bond lengths and angles of ``base`` that are closest to ``target``.

    The mean square deviation over all atoms is least, up to local minima. This is not what the
    differences of torsions give: where angles between bonds change too, as they do all the time,
    the true torsions of a chain put its ends far from where they went.

    Parameters
    ----------
    body : ArticulatedBody
    base, target : Tensor, ``(n, n_atoms, 3)``
        Å; superposed on each other roughly.

    Returns
    -------
    Tensor, ``(n, n_atoms, 3)``
        Superposed on the target, float64.
    """
    base, target = base.double(), target.double()
    differences, _, _ = body.increments(base, target)
    starts = (base, body.move(base, differences)[0])
    found = [_approach(body, start, target) for start in starts]
    frames, squares = (torch.stack(each) for each in zip(*found, strict=True))
    best = squares.argmin(0)
    return frames[best, torch.arange(len(base))]


def _approach(body, frame, target):
    """Frames, and their mean square deviations, after least squares from a start."""
    same = torch.ones(target.shape[1], dtype=target.dtype)
    frame = superpose(frame, target, same)
    square = (frame - target).square().mean((1, 2))
    damping = torch.full_like(square, _DAMPING)
    for _ in range(_ITERATIONS):
        columns = _columns(body, frame)
        products = columns @ columns.transpose(1, 2)
        moment = columns @ (target - frame).flatten(1).unsqueeze(-1)
        diagonal = products.diagonal(dim1=1, dim2=2)
        ridge = damping * diagonal.mean(1)
        products = products + torch.diag_embed(ridge[:, None].expand_as(diagonal))
        turns = torch.linalg.solve(products, moment)[:, : body.n_bonds, 0]
        moved = superpose(body.move(frame, turns)[0], target, same)
        new = (moved - target).square().mean((1, 2))
        better = new < square
        frame = torch.where(better[:, None, None], moved, frame)
        square = torch.where(better, new, square)
        damping = (damping * torch.where(better, _LOWER, _RAISE)).clamp(1e-12, 1e6)
    return frame, square


def _columns(body, frame):
    """Derivatives of the positions: a row a bond, then six of rigid motion, ``(n, rows, 3 N)``."""
    pivot, axis = body.axes(frame)
    arms = frame.unsqueeze(1) - pivot.unsqueeze(2)
    turned = torch.linalg.cross(axis.unsqueeze(2).expand_as(arms), arms)
    turned = turned * body.distal.to(frame.dtype).unsqueeze(-1)
    units = torch.eye(3, dtype=frame.dtype)[:, None].expand(3, frame.shape[1], 3)
    shifted = units.expand(len(frame), -1, -1, -1)
    centred = (frame - frame.mean(1, keepdim=True)).unsqueeze(1).expand_as(shifted)
    rotated = torch.linalg.cross(shifted, centred)
    return torch.cat([turned, shifted, rotated], 1).flatten(2)
