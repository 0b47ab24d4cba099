"""Rotations: Rodrigues' formula and quaternions, smooth through zero, and angles on the circle."""

import torch
from torch import Tensor


def wrap_angle(angle: Tensor) -> Tensor:
    """Map angles (rad) to (−π, π]."""
    return torch.sub(angle, torch.ceil(angle / (2 * torch.pi) - 0.5), alpha=2 * torch.pi)


def half_angle_rotation(cosine: Tensor, vector: Tensor) -> Tensor:
    r"""Rotation of a unit quaternion, :math:`R = M^2 + v v^T` with :math:`M = w I + [v]_×`.

    Parameters
    ----------
    cosine : Tensor, ``(...)``
        Its real part w, the cosine of half the angle.
    vector : Tensor, ``(..., 3)``
        The others, v: the axis times the sine of half the angle.

    Returns
    -------
    Tensor, ``(..., 3, 3)``
    """
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    minus, w = -vector, cosine.expand_as(x)
    rows = [w, minus[..., 2], y, z, w, minus[..., 0], minus[..., 1], x, w]
    matrix = torch.stack(rows, -1).unflatten(-1, [3, 3])
    return torch.addcmul(matrix @ matrix, vector.unsqueeze(-1), vector.unsqueeze(-2))


def quaternion_form(matrix: Tensor, shift: float) -> Tensor:
    """Symmetric K ``(..., 4, 4)`` with qᵀ K q = trace of Rᵀ C + shift, for C ``(..., 3, 3)``.

    R is the rotation of a unit quaternion q, real part first (Horn 1987). The form of a rotation of
    quaternion p itself, with 1 as the shift, is 4 p pᵀ.
    """
    even, odd = matrix + matrix.transpose(-1, -2), matrix - matrix.transpose(-1, -2)
    trace = matrix.diagonal(dim1=-2, dim2=-1).sum(-1)
    first, others = shift + trace, even.diagonal(dim1=-2, dim2=-1) + (shift - trace).unsqueeze(-1)
    xx, yy, zz = others[..., 0], others[..., 1], others[..., 2]
    x, y, z = odd[..., 2, 1], odd[..., 0, 2], odd[..., 1, 0]
    xy, xz, yz = even[..., 0, 1], even[..., 0, 2], even[..., 1, 2]
    rows = [first, x, y, z, x, xx, xy, xz, y, xy, yy, yz, z, xz, yz, zz]
    return torch.stack(rows, -1).unflatten(-1, [4, 4])


def rotation_matrix(rotation_vector: Tensor) -> Tensor:
    """Rodrigues' formula: the rotation about an axis by an angle of any size.

    Parameters
    ----------
    rotation_vector : Tensor, ``(..., 3)``
        Axis times angle, rad.

    Returns
    -------
    Tensor, ``(..., 3, 3)``
        Orthogonal to rounding. Value and derivatives are finite at zero.
    """
    half = rotation_vector / 2
    angle = _length(half)
    return half_angle_rotation(torch.cos(angle).squeeze(-1), torch.sin(angle) / angle * half)


def _length(vector):
    """Lengths ``(..., 1)`` of vectors up to some units long, smooth at zero.

    Functions that are even in a length are the same to rounding with what is added to its square
    here, and have derivatives that are right to rounding, second ones to the root of it.
    """
    square = (vector * vector).sum(-1, keepdim=True)
    return torch.sqrt(square + torch.finfo(vector.dtype).eps / 16)


def axis_rotation(axis: Tensor, angle: Tensor) -> Tensor:
    """Rotation about a unit axis by an angle of any size.

    Parameters
    ----------
    axis : Tensor, ``(..., 3)``
        Unit vectors.
    angle : Tensor, ``(...)``
        rad.

    Returns
    -------
    Tensor, ``(..., 3, 3)``
    """
    half = angle / 2
    return half_angle_rotation(torch.cos(half), torch.sin(half).unsqueeze(-1) * axis)


def rotation_vector(rotation: Tensor) -> Tensor:
    """Axis times angle, in [0, π]: the inverse of :func:`rotation_matrix`."""
    # Each column is the quaternion times one of its parts: no digits are lost in that of the
    # largest, and its length does not matter.
    columns = quaternion_form(rotation, 1.0)
    largest = columns.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None]
    quaternion = columns.gather(-1, largest.expand_as(columns[..., :1])).squeeze(-1)
    cosine, vector = quaternion[..., :1], quaternion[..., 1:]
    length = _length(vector)
    # A quaternion and its negative are one rotation; that of the lesser angle is taken.
    half = torch.copysign(torch.atan2(length, cosine.abs()), cosine)
    return 2 * half / length * vector


def connecting_rotation(start: Tensor, end: Tensor) -> Tensor:
    """The least rotation that turns one vector to where another points, as axis times angle.

    Parameters
    ----------
    start, end : Tensor, ``(..., 3)``
        Not zero. Where they are opposite, an axis perpendicular to them is chosen.

    Returns
    -------
    Tensor, ``(..., 3)``
        rad.
    """
    first, second = (v / torch.linalg.vector_norm(v, dim=-1, keepdim=True) for v in (start, end))
    cosine = (first * second).sum(-1, keepdim=True)
    normal = torch.linalg.cross(first, second)
    # Of nearly opposite vectors the cross product is mostly rounding, along the vectors too
    normal = normal - (normal * first).sum(-1, keepdim=True) * first
    square = normal.square().sum(-1, keepdim=True)
    opposite = (square < torch.finfo(square.dtype).eps ** 1.5) & (cosine < 0)
    small = (square < 1e-6) & (cosine > 0)
    sine = torch.sqrt(torch.where(small | opposite, torch.ones_like(square), square))
    # θ / sin θ for small angles
    series = 1 + square / 6 * (1 + square * 9 / 20)
    vector = torch.where(small, series, torch.atan2(sine, cosine) / sine) * normal
    least = torch.zeros_like(first).scatter(-1, first.abs().argmin(-1, keepdim=True), 1.0)
    across = least - (least * first).sum(-1, keepdim=True) * first
    across = across / torch.linalg.vector_norm(across, dim=-1, keepdim=True)
    return torch.where(opposite, torch.pi * across, vector)


def dihedral(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Dihedral angle (rad, IUPAC sign) of four points ``(..., 3)``; odd under reflection."""
    first, axis, last = b - a, c - b, d - c
    normal = torch.linalg.cross(axis, last)
    length = torch.linalg.vector_norm(axis, dim=-1)
    sine = length * (first * normal).sum(-1)
    return torch.atan2(sine, (torch.linalg.cross(first, axis) * normal).sum(-1))
