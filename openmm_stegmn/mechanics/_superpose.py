"""Best superposition of one configuration on another, differentiable and finite everywhere."""

import torch
from torch import Tensor

from ._rotations import rotation_matrix
from ._scripted import scripted


def best_rotation(mobile: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Proper rotation that brings ``mobile`` closest to ``target`` (Kabsch 1976).

    Parameters
    ----------
    mobile, target : Tensor, ``(..., n_atoms, 3)``
        Relative to their weighted centres.
    weights : Tensor, ``(n_atoms,)``

    Returns
    -------
    Tensor, ``(..., 3, 3)``
        Minimises the weighted sum of squared distances. Its derivative comes from the condition
        that this sum is stationary (implicit function theorem), not from the singular value
        decomposition, whose own derivative is infinite for symmetric molecules. First derivatives
        only: second ones are silently wrong.
    """
    return nearest_rotation((target * weights[:, None]).transpose(-1, -2) @ mobile)


def nearest_rotation(covariance: Tensor) -> Tensor:
    """Rotation R that maximises the trace of Rᵀ C, for C = Σ w target mobileᵀ ``(..., 3, 3)``."""
    with torch.no_grad():
        # The positions that it came from stay NaN, for whoever checks them.
        rotation = _maximiser(torch.nan_to_num(covariance.double())).to(covariance.dtype)
    if not (torch.is_grad_enabled() and covariance.requires_grad):
        return rotation
    # At the optimum Σ w (R mobile) × target = 0: the overlap R Cᵀ is symmetric. One Newton step for
    # a left rotation vector changes nothing in value, and carries the exact derivative.
    overlap = rotation @ covariance.transpose(-1, -2)
    skew = overlap - overlap.transpose(-1, -2)
    torque = torch.stack([skew[..., 1, 2], skew[..., 2, 0], skew[..., 0, 1]], -1)
    with torch.no_grad():
        trace = overlap.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
        eye = torch.eye(3, dtype=covariance.dtype, device=covariance.device)
        # Atoms on a line leave the turn about it free; the small term keeps that direction at zero,
        # and a lone atom (no overlap at all) invertible.
        limits = torch.finfo(covariance.dtype)
        small = limits.eps**0.75 * trace.abs() + limits.tiny**0.5
        symmetric = (overlap + overlap.transpose(-1, -2)) / 2
        compliance = _inverse(trace * eye - symmetric + small * eye)
    step = (compliance @ torque.unsqueeze(-1)).squeeze(-1)
    return rotation_matrix(step - step.detach()) @ rotation


def _quaternion_form(c: Tensor) -> Tensor:
    """Symmetric K ``(..., 4, 4)`` with qᵀ K q = trace of Rᵀ C for the rotation R of a unit
    quaternion q (Horn 1987)."""
    xx, xy, xz = c[..., 0, 0], c[..., 1, 0], c[..., 2, 0]
    yx, yy, yz = c[..., 0, 1], c[..., 1, 1], c[..., 2, 1]
    zx, zy, zz = c[..., 0, 2], c[..., 1, 2], c[..., 2, 2]
    rows = [
        xx + yy + zz, yz - zy, zx - xz, xy - yx,
        yz - zy, xx - yy - zz, xy + yx, zx + xz,
        zx - xz, xy + yx, yy - xx - zz, yz + zy,
        xy - yx, zx + xz, yz + zy, zz - xx - yy,
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, [4, 4])


def _leading_vector(symmetric: Tensor) -> Tensor:
    """Unit eigenvector ``(..., 4)`` of the largest eigenvalue of ``(..., 4, 4)``: one of them, if
    there are more.

    By squaring again and again, 24 times: eigenvalues that differ by a millionth of the largest are
    told apart, and nothing has to be decided on the way.
    """
    eye = torch.eye(4, dtype=symmetric.dtype, device=symmetric.device)
    bound = (symmetric * symmetric).sum([-2, -1], keepdim=True).sqrt()
    # Tiny, for no atoms at all
    power = symmetric + (bound + 1e-300) * eye
    for _ in range(6):
        trace = power.diagonal(dim1=-2, dim2=-1).sum(-1)
        power = power / trace.unsqueeze(-1).unsqueeze(-1)
        for _ in range(4):
            power = torch.matmul(power, power)
    largest = power.diagonal(dim1=-2, dim2=-1).argmax(-1).unsqueeze(-1).unsqueeze(-1)
    column = torch.take_along_dim(power, largest, -1).squeeze(-1)
    return column / (column * column).sum(-1, keepdim=True).sqrt()


def _from_quaternion(q: Tensor) -> Tensor:
    """Rotation ``(..., 3, 3)`` of a unit quaternion, real part first."""
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    rows = [
        w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z,
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, [3, 3])


@scripted
def _maximiser(covariance: Tensor) -> Tensor:
    """Rotation that maximises the trace of Rᵀ C, of double precision and finite."""
    if not covariance.is_cuda:
        u, _, vh = torch.linalg.svd(covariance)
        sign = torch.linalg.det(torch.matmul(u, vh))
        u = torch.cat([u[..., :2], u[..., 2:] * sign.unsqueeze(-1).unsqueeze(-1)], -1)
        return torch.matmul(u, vh)
    # On GPUs decompositions are slow, and wait for what they find: a graph cannot hold them.
    return _from_quaternion(_leading_vector(_quaternion_form(covariance)))


def _inverse(matrix):
    """Inverse ``(..., 3, 3)`` by cross products, which do not stop a GPU to see whether there is
    one."""
    size = matrix.abs().amax((-2, -1), keepdim=True)
    a, b, c = (matrix / size).unbind(-2)
    columns = torch.stack([torch.linalg.cross(*two) for two in ((b, c), (c, a), (a, b))], -1)
    return columns / (size * (a * columns[..., 0]).sum(-1)[..., None, None])


def superpose(frames: Tensor, reference: Tensor, weights: Tensor) -> Tensor:
    """Move each frame rigidly onto a reference.

    Parameters
    ----------
    frames : Tensor, ``(..., n_atoms, 3)``
        Å.
    reference : Tensor, broadcastable to ``(..., n_atoms, 3)``
    weights : Tensor, ``(n_atoms,)``
        Masses, or zeros and ones to fit on a selection.

    Returns
    -------
    Tensor, ``(..., n_atoms, 3)``
    """
    share = (weights / weights.sum()).unsqueeze(-1)
    centre = (reference * share).sum(-2, keepdim=True)
    mobile = frames - (frames * share).sum(-2, keepdim=True)
    rotation = best_rotation(mobile, (reference - centre).expand_as(mobile), weights)
    return mobile @ rotation.transpose(-1, -2) + centre
