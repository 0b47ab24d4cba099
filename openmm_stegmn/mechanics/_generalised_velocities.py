"""Displacements of atoms read as generalised velocities of an articulated body."""

import torch
from torch import Tensor

from ._articulated import ArticulatedBody

# Relative to the moment of a bond, or of a molecule: keeps turns that move nothing at zero.
_DAMPING = 1e-6
# Å²: of lone atoms
_TINY = 1e-12


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
    arms = x - body.centres(x)[..., body.molecule_of_atom, :]
    inverse = _inverse_inertia(body, arms)
    rest, rotation, translation = _split(body, arms, inverse, d)
    if body.n_bonds == 0:
        angles = d.new_zeros(translation.shape[:-2] + (0,))
    else:
        columns, _, _ = _split(body, arms.unsqueeze(-3), inverse.unsqueeze(-4), body.turning(x))
        weights = body.share[:, None].expand(-1, 3).flatten()
        weighted = weights * columns.flatten(-2)
        normal = weighted @ columns.flatten(-2).transpose(-1, -2)
        damping = _DAMPING * normal.diagonal(dim1=-2, dim2=-1) + _TINY
        moments = weighted @ rest.flatten(-2).unsqueeze(-1)
        angles, _ = torch.linalg.solve_ex(normal + torch.diag_embed(damping), moments)
        angles = angles.squeeze(-1)
    return tuple(part.to(displacement.dtype) for part in (angles, rotation, translation))


def _split(body, arms, inverse, vectors):
    """Displacements without the rigid motion of each molecule, and that motion."""
    of = body.molecule_of_atom
    translation = body.average(vectors)
    rest = vectors - translation[..., of, :]
    moment = body.average(torch.linalg.cross(arms.expand_as(rest), rest))
    rotation = (inverse @ moment.unsqueeze(-1)).squeeze(-1)
    turned = torch.linalg.cross(rotation[..., of, :], arms.expand_as(rest))
    return rest - turned, rotation, translation


def _inverse_inertia(body, arms):
    """Of each molecule; the damping keeps it finite for atoms on a line, and lone ones."""
    products = body.average((arms.unsqueeze(-1) * arms.unsqueeze(-2)).flatten(-2))
    products = products.unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=arms.dtype, device=arms.device)
    trace = products.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    return torch.linalg.inv_ex(trace * eye - products + (_DAMPING * trace + _TINY) * eye)[0]
