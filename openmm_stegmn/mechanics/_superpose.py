"""Best superposition of one configuration on another, differentiable and finite everywhere."""

import torch
from torch import Tensor

from ._rotations import rotation_matrix


def best_rotation(mobile: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Proper rotation that brings ``mobile`` closest to ``target`` (Kabsch 1976), both already centred.

    Parameters
    ----------
    mobile, target : Tensor, ``(..., n_atoms, 3)``
        Relative to their weighted centres.
    weights : Tensor, ``(n_atoms,)``

    Returns
    -------
    Tensor, ``(..., 3, 3)``
        Minimises the weighted sum of squared distances. Its derivative comes from the condition that this sum is
        stationary (implicit function theorem), not from the singular value decomposition, whose own derivative
        is infinite for symmetric molecules.
    """
    with torch.no_grad():
        covariance = torch.einsum("n,...ni,...nj->...ij", weights, target, mobile)
        u, _, vh = torch.linalg.svd(covariance.double())
        sign = torch.linalg.det(u @ vh)
        u = torch.cat([u[..., :2], u[..., 2:] * sign[..., None, None]], -1)
        rotation = (u @ vh).to(mobile.dtype)
    if not (torch.is_grad_enabled() and (mobile.requires_grad or target.requires_grad)):
        return rotation
    # At the optimum Σ w target × (R mobile) = 0. One Newton step for a left rotation vector changes nothing in
    # value, and carries the exact derivative.
    turned = mobile @ rotation.transpose(-1, -2)
    torque = torch.einsum("n,...ni->...i", weights, torch.cross(turned, target.expand_as(turned), dim=-1))
    with torch.no_grad():
        overlap = torch.einsum("n,...ni,...nj->...ij", weights, turned, target)
        overlap = (overlap + overlap.transpose(-1, -2)) / 2
        trace = overlap.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
        eye = torch.eye(3, dtype=mobile.dtype, device=mobile.device)
        # Atoms on a line leave the turn about it free; the small term keeps that direction at zero.
        stiffness = trace * eye - overlap + 1e-6 * trace.abs() * eye
        compliance = torch.linalg.inv(stiffness)
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
