"""Best superposition of one configuration on another, differentiable and finite everywhere."""

import torch
from torch import Tensor

from ._rotations import half_angle_rotation, quaternion_form, rotation_matrix
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


def _leading_vector(symmetric: Tensor) -> Tensor:
    """Unit eigenvector ``(..., 4)`` of the largest eigenvalue of ``(..., 4, 4)``: one of them, if
    there are more. All are positive, and the largest is of the order of one.

    By squaring again and again, 24 times: eigenvalues that differ by a millionth of the largest are
    told apart, and nothing has to be decided on the way.
    """
    power = symmetric
    for _ in range(3):
        # The largest part of the trace is then a quarter to one, and its 256th power a number.
        trace = power.diagonal(dim1=-2, dim2=-1).sum(-1)
        power = power / trace.unsqueeze(-1).unsqueeze(-1)
        for _ in range(8):
            power = torch.matmul(power, power)
    largest = power.diagonal(dim1=-2, dim2=-1).argmax(-1).unsqueeze(-1).unsqueeze(-1)
    column = power.gather(-1, largest.expand_as(power[..., :1])).squeeze(-1)
    return column / torch.linalg.vector_norm(column, dim=-1, keepdim=True)


def _by_quaternion(covariance: Tensor) -> Tensor:
    """What :func:`_maximiser` gives, without a decomposition."""
    # Of size 1, no atoms at all aside, the form has eigenvalues of at least -√3.
    size = torch.linalg.vector_norm(covariance, dim=[-2, -1], keepdim=True)
    quaternion = _leading_vector(quaternion_form(covariance / (size + 1e-300), 2.0))
    return half_angle_rotation(quaternion[..., 0], quaternion[..., 1:])


@scripted
def _maximiser(covariance: Tensor) -> Tensor:
    """Rotation that maximises the trace of Rᵀ C, of double precision and finite."""
    if not covariance.is_cuda:
        u, _, vh = torch.linalg.svd(covariance)
        sign = torch.linalg.det(torch.matmul(u, vh))
        u = torch.cat([u[..., :2], u[..., 2:] * sign.unsqueeze(-1).unsqueeze(-1)], -1)
        return torch.matmul(u, vh)
    # On GPUs decompositions are slow, and wait for what they find: a graph cannot hold them.
    return _by_quaternion(covariance)


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
    turned, centre, _ = superposition(frames, reference, weights)
    return turned + centre


def superposition(frames: Tensor, reference: Tensor, weights: Tensor):
    """Turn each frame as a reference is, about its weighted centre.

    Parameters
    ----------
    frames, reference, weights
        As for :func:`superpose`.

    Returns
    -------
    turned : Tensor, ``(..., n_atoms, 3)``
        The frames relative to their centres, rotated.
    centre : Tensor, ``(..., 1, 3)``
        Of the reference, with which they lie on it.
    rotation : Tensor, ``(..., 3, 3)``
    """
    share = (weights / weights.sum()).unsqueeze(-1)
    centre = (reference * share).sum(-2, keepdim=True)
    mobile = frames - (frames * share).sum(-2, keepdim=True)
    rotation = best_rotation(mobile, (reference - centre).expand_as(mobile), weights)
    return mobile @ rotation.transpose(-1, -2), centre, rotation
