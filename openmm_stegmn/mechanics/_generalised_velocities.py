"""Displacements of atoms read as generalised velocities of an articulated body."""

import torch
from torch import Tensor

from ._articulated import ArticulatedBody

# Relative to the moment of a bond, or of a molecule: keeps turns that move nothing at zero.
_DAMPING = 1e-6


def generalised_velocities(body: ArticulatedBody, frame: Tensor, displacement: Tensor):
    r"""The articulated motion whose velocities are closest to displacements of the atoms.

    .. math:: \min_{\dot q, ω, u} \sum_i m_i \Big| \sum_b \dot q_b\, t_{bi}
              + ω × r_i + u - d_i \Big|^2

    with :math:`t_{bi} = \hat a_b × (x_i - x_b)` for the atoms distal to bond b, of which their own
    rigid motion is taken off: :meth:`ArticulatedBody.move` takes it off too. Masses are those of
    each molecule relative to its whole. In this metric the three parts are orthogonal, and one
    linear system of the bonds is all there is to solve. It is linear in the displacement,
    differentiable, and equivariant (angles are pseudoscalars).

    Parameters
    ----------
    body : ArticulatedBody
    frame : Tensor, ``(..., n_atoms, 3)``
        Å.
    displacement : Tensor, ``(..., n_atoms, 3)``
        Å. Leading dimensions broadcast.

    Returns
    -------
    angles : Tensor, ``(..., n_bonds)``
        rad.
    rotation, translation : Tensor, ``(..., n_molecules, 3)``
        Of each molecule, as :meth:`ArticulatedBody.move` takes them. In the dtype of the
        displacement; they are found in float64.
    """
    dimensions = max(frame.dim(), displacement.dim())
    # Not expanded: what depends on the frame alone is found once a frame
    x, d = (
        part.double().reshape((1,) * (dimensions - part.dim()) + part.shape)
        for part in (frame, displacement)
    )
    of, share = body.molecule_of_atom, body.centring.double()
    weight = share.sum(0)[:, None]
    arms = x - body.centres(x)[..., of, :]
    inertia = _inertia(share, arms)

    def rigid(vectors):
        """Velocity of the centre, and angular velocity, of each molecule."""
        centre = share @ vectors
        moment = share @ torch.linalg.cross(arms, vectors - centre[..., of, :])
        return centre, (inertia @ moment.unsqueeze(-1)).squeeze(-1)

    def internal(vectors, centre, turning):
        return vectors - centre[..., of, :] - torch.linalg.cross(turning[..., of, :], arms)

    translation, rotation = rigid(d)
    if body.n_bonds == 0:
        angles = d.new_zeros(translation.shape[:-2] + (0,))
    else:
        rest = internal(d, translation, rotation)
        arms, inertia = arms.unsqueeze(-3), inertia.unsqueeze(-4)
        columns = body.turning(x)
        columns = internal(columns, *rigid(columns)).flatten(-2)
        weighted = columns * weight.expand(-1, 3).flatten()
        normal = weighted @ columns.transpose(-1, -2)
        own = normal.diagonal(dim1=-2, dim2=-1)
        damped = normal + torch.diag_embed(_DAMPING * own + 1e-12)
        moments = weighted @ rest.flatten(-2).unsqueeze(-1)
        angles = torch.linalg.solve(damped, moments).squeeze(-1)
    return tuple(part.to(displacement.dtype) for part in (angles, rotation, translation))


def _inertia(share, arms):
    """Inverse of the tensor of inertia of each molecule; of atoms on a line about it: zero."""
    products = share @ (arms.unsqueeze(-1) * arms.unsqueeze(-2)).flatten(-2)
    products = products.unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=arms.dtype, device=arms.device)
    trace = products.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    return torch.linalg.inv(trace * eye - products + (_DAMPING * trace + 1e-12) * eye)
