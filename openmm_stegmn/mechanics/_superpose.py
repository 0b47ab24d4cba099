"""Best superposition of one configuration on another, differentiable and finite everywhere."""

import torch
from torch import Tensor

from ._rotations import rotation_matrix


def best_rotation(mobile: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Proper rotation that brings ``mobile`` closest to ``target`` (Kabsch 1976).

    Parameters
    ----------
    mobile, target : Tensor, ``(..., n_atoms, 3)``
        Relative to their weighted centres.
    weights : Tensor, ``(n_atoms,)`` or ``(n_molecules, n_atoms)``
        With several rows, each molecule is fitted by itself: a row is zero for all other atoms.

    Returns
    -------
    Tensor, ``(..., 3, 3)`` or ``(..., n_molecules, 3, 3)``
        Minimises the weighted sum of squared distances. Its derivative comes from the condition
        that this sum is stationary (implicit function theorem), not from the singular value
        decomposition, whose own derivative is infinite for symmetric molecules. First derivatives
        only: second ones are silently wrong.
    """
    products = (target.unsqueeze(-1) * mobile.unsqueeze(-2)).flatten(-2)
    covariance = (torch.atleast_2d(weights) @ products).unflatten(-1, (3, 3))
    rotation = nearest_rotation(covariance)
    return rotation if weights.dim() == 2 else rotation.squeeze(-3)


def nearest_rotation(covariance: Tensor) -> Tensor:
    """Rotation R that maximises the trace of Rᵀ C, for C = Σ w target mobileᵀ ``(..., 3, 3)``."""
    with torch.no_grad():
        # LAPACK raises on NaN. The positions that it came from stay NaN, for whoever checks them.
        u, _, vh = torch.linalg.svd(torch.nan_to_num(covariance.double()))
        sign = torch.linalg.det(u @ vh)
        u = torch.cat([u[..., :2], u[..., 2:] * sign[..., None, None]], -1)
        rotation = (u @ vh).to(covariance.dtype)
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
        compliance = torch.linalg.inv(trace * eye - symmetric + small * eye)
    step = (compliance @ torque.unsqueeze(-1)).squeeze(-1)
    return rotation_matrix(step - step.detach()) @ rotation


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
