"""Rotations: Rodrigues' formula, smooth through zero, and angles on the circle."""

import math

import torch
from torch import Tensor

# Below this squared angle the closed form loses digits (and its derivatives blow up), and these
# terms of the series, in the squared angle, are exact to float64 rounding.
_SERIES_BELOW = 1e-2
_SINE = tuple((-1) ** k / (2 ** (2 * k + 1) * math.factorial(2 * k + 1)) for k in range(5))
_COSINE = tuple((-1) ** k / (4**k * math.factorial(2 * k)) for k in range(5))


def wrap_angle(angle: Tensor) -> Tensor:
    """Map angles (rad) to (−π, π]."""
    return angle - 2 * torch.pi * torch.ceil(angle / (2 * torch.pi) - 0.5)


def cross_matrix(vector: Tensor) -> Tensor:
    """Matrix of the cross product, ``K @ r = vector × r``; ``(..., 3)`` to ``(..., 3, 3)``."""
    eye = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return torch.linalg.cross(eye.expand(vector.shape + (3,)), vector.unsqueeze(-2))


def rotation_matrix(rotation_vector: Tensor) -> Tensor:
    r"""Rodrigues' formula :math:`R = I + \frac{\sin θ}{θ} K + \frac{1 - \cos θ}{θ^2} K^2`.

    Parameters
    ----------
    rotation_vector : Tensor, ``(..., 3)``
        Axis times angle, rad.

    Returns
    -------
    Tensor, ``(..., 3, 3)``
        Orthogonal to rounding. Value and derivatives are finite at zero, where the series is used.
    """
    square = (rotation_vector * rotation_vector).sum(-1)
    near = square < _SERIES_BELOW
    # The branch that is not taken must be finite too, or its NaN reaches the gradient through
    # torch.where.
    angle = torch.sqrt(torch.where(near, 1.0, square))
    series = torch.where(near, square, 0.0)
    # In the half angle: R = I + 2 cos(θ/2) L + 2 L², with L = sin(θ/2)/θ K
    sine = torch.where(near, _polynomial(series, _SINE), torch.sin(angle / 2) / angle)
    cosine = torch.where(near, _polynomial(series, _COSINE), torch.cos(angle / 2))
    matrix = cross_matrix(sine.unsqueeze(-1) * rotation_vector)
    twice = cosine[..., None, None] * matrix + matrix @ matrix
    return torch.eye(3, dtype=twice.dtype, device=twice.device) + 2 * twice


def _polynomial(x, coefficients):
    value = coefficients[-1] * x + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        value = value * x + coefficient
    return value


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
    half = (angle / 2)[..., None, None]
    matrix = torch.sin(half) * cross_matrix(axis)
    twice = torch.cos(half) * matrix + matrix @ matrix
    return torch.eye(3, dtype=axis.dtype, device=axis.device) + 2 * twice


def rotation_vector(rotation: Tensor) -> Tensor:
    """Axis times angle, in [0, π]: the inverse of :func:`rotation_matrix`."""
    r = rotation
    twice_sine = torch.stack(
        [r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]], -1
    )
    cosine = (r[..., 0, 0] + r[..., 1, 1] + r[..., 2, 2] - 1) / 2
    square = (twice_sine * twice_sine).sum(-1) / 4
    near = square < 1e-6
    sine = torch.sqrt(torch.where(near, torch.ones_like(square), square))
    # θ / sin θ = 1 + sin²θ / 6 + … for small angles
    factor = torch.where(near & (cosine > 0), 1 + square / 6, torch.atan2(sine, cosine) / sine)
    vector = 0.5 * factor.unsqueeze(-1) * twice_sine
    # Near π the sine loses the axis n, and R + Rᵀ = 2 cos θ I + 2 (1 − cos θ) n nᵀ has it
    turned = cosine < -0.9
    eye = torch.eye(3, dtype=r.dtype, device=r.device)
    outer = (r + r.transpose(-1, -2)) / 2 - cosine[..., None, None] * eye
    outer = torch.where(turned[..., None, None], outer, eye)
    largest = outer.diagonal(dim1=-2, dim2=-1).argmax(-1)[..., None, None]
    axis = outer.gather(-1, largest.expand(outer.shape[:-1] + (1,))).squeeze(-1)
    axis = axis / torch.linalg.vector_norm(axis, dim=-1, keepdim=True)
    sine = (axis * twice_sine).sum(-1, keepdim=True) / 2
    axis, sine = torch.where(sine < 0, -axis, axis), sine.abs()
    return torch.where(turned[..., None], torch.atan2(sine, cosine[..., None]) * axis, vector)


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
    axis = c - b
    first = torch.cross(b - a, axis, dim=-1)
    second = torch.cross(axis, d - c, dim=-1)
    length = torch.linalg.vector_norm(axis, dim=-1)
    sine = length * ((b - a) * second).sum(-1)
    return torch.atan2(sine, (first * second).sum(-1))
