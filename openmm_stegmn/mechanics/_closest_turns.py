"""Inverse kinematics: the turns of an articulated body that bring a frame close to another."""

import torch
from torch import Tensor

from ._articulated import ArticulatedBody
from ._rotations import wrap_angle
from ._superpose import superpose

# Levenberg-Marquardt: first damping relative to the mean diagonal, and its factors.
_DAMPING, _RAISE, _LOWER = 1e-3, 10.0, 0.3
# Frames at a time, and numbers in all their normal equations: bounds memory.
_BLOCK, _NUMBERS = 500, 5_000_000


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
    size = min(_BLOCK, _NUMBERS // (body.n_bonds + 6) ** 2 + 1)
    parts = _Parts(body)
    found = [
        _of_both_starts(body, parts, x.double(), y.double(), stiffness, iterations)
        for x, y in zip(base.split(size), target.split(size), strict=True)
    ]
    turns, frames = (torch.cat(part) for part in zip(*found, strict=True))
    return turns, frames


def _of_both_starts(body, parts, base, target, stiffness, iterations):
    true = wrap_angle(body.torsions(target) - body.torsions(base))
    found = [
        _approach(body, parts, base, start, target, true, stiffness, iterations)
        for start in (torch.zeros_like(true), true)
    ]
    turns, frames, costs = (torch.stack(part) for part in zip(*found, strict=True))
    best, number = costs.argmin(0), torch.arange(len(base), device=base.device)
    return turns[best, number], frames[best, number]


def _approach(body, parts, base, turns, target, true, stiffness, iterations):
    """Turns, frames, and what is minimised, after least squares from a start."""
    alike = torch.ones(target.shape[1], dtype=target.dtype, device=target.device)

    def place(turns):
        frame = superpose(body.move(base, turns)[0], target, alike)
        held = stiffness * (turns - true).square()
        return frame, (frame - target).square().sum((1, 2)) + held.sum(1)

    frame, cost = place(turns)
    damping = torch.full_like(cost, _DAMPING)
    for _ in range(iterations):
        normal, moment = _normal_equations(body, parts, frame, target - frame)
        # Rigid motion, six rows after those of the bonds, is free.
        normal.diagonal(dim1=1, dim2=2)[:, : body.n_bonds] += stiffness
        moment[:, : body.n_bonds] += stiffness * (true - turns)
        diagonal = normal.diagonal(dim1=1, dim2=2)
        diagonal += (damping * diagonal.mean(1)).unsqueeze(1)
        # Where rounding leaves no factor the step is no good, and the next is damped more.
        factor, _ = torch.linalg.cholesky_ex(normal)
        step = torch.cholesky_solve(moment.unsqueeze(-1), factor).squeeze(-1)
        tried = turns + step[:, : body.n_bonds]
        moved, new = place(tried)
        better = new < cost
        turns = torch.where(better[:, None], tried, turns)
        frame = torch.where(better[:, None, None], moved, frame)
        cost = torch.where(better, new, cost)
        damping = (damping * torch.where(better, _LOWER, _RAISE)).clamp(1e-12, 1e6)
    return turns, frame, cost


class _Parts:
    """What moves with each bond, and six times everything, for rigid motion."""

    def __init__(self, body):
        everything = torch.ones(6, body.n_atoms, dtype=torch.float64, device=body.distal.device)
        #: 1 where an atom is in a part, ``(n_parts, n_atoms)``.
        self.atoms = torch.cat([body.distal.double(), everything])
        #: Number of atoms, ``(n_parts, 1)``.
        self.count = self.atoms.sum(1, keepdim=True)
        #: Whether the part of a column lies within that of a row.
        self.within = self.atoms @ self.atoms.T == self.count.T


def _normal_equations(body, parts, frame, residual):
    r"""Products of the derivatives of the positions with each other and with a residual.

    Each row is a twist: (ω, v) moves the atoms of its part by ω × x + v. Parts are what is distal
    to each bond, then six times everything, for rigid motion. Of two parts one lies within the
    other or they have no atom in common, so that with the sums over a part

    .. math:: M_p = \sum_{i ∈ p} \begin{pmatrix} |x|^2 - x x^T & [x] \\ -[x] & 1 \end{pmatrix}

    the product of two rows is :math:`ξ_a · M_b ξ_b`, b the lesser part, and no row has to be
    written out (composite rigid bodies: Featherstone 2008, Rigid Body Dynamics Algorithms, ch. 6).

    Parameters
    ----------
    frame, residual : Tensor, ``(n, n_atoms, 3)``
        Float64.

    Returns
    -------
    normal : Tensor, ``(n, n_bonds + 6, n_bonds + 6)``
    moment : Tensor, ``(n, n_bonds + 6)``
    """
    x = frame - frame.mean(1, keepdim=True)
    pivot, axis = body.axes(x)
    six = torch.eye(6, dtype=x.dtype, device=x.device).expand(len(x), 6, 6)
    twists = torch.cat([torch.cat([axis, torch.linalg.cross(pivot, axis)], -1), six], 1)

    outer = (x.unsqueeze(-1) * x.unsqueeze(-2)).flatten(2)
    sums = parts.atoms @ torch.cat([outer, x], -1)
    second, first = sums[..., :9].unflatten(-1, (3, 3)), sums[..., 9:]
    turn, shift = twists[..., :3], twists[..., 3:]
    square = second.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True)
    angular = square * turn - (second @ turn.unsqueeze(-1)).squeeze(-1)
    angular = angular + torch.linalg.cross(first, shift)
    linear = parts.count * shift - torch.linalg.cross(first, turn)
    products = twists @ torch.cat([angular, linear], -1).transpose(1, 2)
    within, other = parts.within, products.transpose(1, 2)
    normal = torch.where(within, products, torch.where(within.T, other, 0.0))
    wrench = parts.atoms @ torch.cat([torch.linalg.cross(x, residual), residual], -1)
    return normal, (twists * wrench).sum(-1)
