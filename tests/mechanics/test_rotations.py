"""Rotations against SciPy and the matrix exponential; angles on the circle; dihedrals."""

import math

import numpy as np
import pytest
import torch
from MDAnalysis.lib.distances import calc_dihedrals
from scipy.spatial.transform import Rotation

from openmm_stegmn.mechanics import (
    axis_rotation,
    dihedral,
    rotation_matrix,
    rotation_vector,
    wrap_angle,
)

# On both sides of the change to the series (0.1 rad), and far from it
SIZES = [0.0, 1e-12, 1e-5, 0.0999, 0.1001, 0.5, 2.0, math.pi - 1e-6, math.pi, 5.0]


def cross_matrix(vector):
    eye = torch.eye(3, dtype=vector.dtype)
    return torch.linalg.cross(eye.expand(*vector.shape, 3), vector[..., None, :])


def vectors(size, n=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    axis = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    return size * axis / axis.norm(dim=-1, keepdim=True)


@pytest.mark.parametrize("size", SIZES)
def test_rotation_matrix(size):
    vector = vectors(size)
    rotation = rotation_matrix(vector)
    expected = Rotation.from_rotvec(vector.numpy()).as_matrix()
    np.testing.assert_allclose(rotation, expected, atol=1e-14)
    torch.testing.assert_close(
        rotation, torch.linalg.matrix_exp(cross_matrix(vector)), atol=1e-13, rtol=0
    )


@pytest.mark.parametrize("size", SIZES)
def test_rotation_matrix_float32(size):
    vector = vectors(size)
    torch.testing.assert_close(
        rotation_matrix(vector.float()).double(), rotation_matrix(vector), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-3, 0.0999, 0.1001, 1.0, 3.0])
def test_derivatives_of_rotation_matrix(size):
    vector = vectors(size, n=2).requires_grad_()
    assert torch.autograd.gradcheck(rotation_matrix, vector)
    assert torch.autograd.gradgradcheck(rotation_matrix, vector)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.7, math.pi, -2.5, 40.0])
def test_axis_rotation(angle):
    axis = vectors(1.0)
    expected = Rotation.from_rotvec(angle * axis.numpy()).as_matrix()
    angles = torch.full((len(axis),), angle, dtype=torch.float64)
    np.testing.assert_allclose(axis_rotation(axis, angles), expected, atol=1e-13)


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-4, 1.1e-3, 0.5, 1.5707, 3.0, math.pi - 2e-3])
def test_rotation_vector_inverts_rotation_matrix(size):
    vector = vectors(size)
    torch.testing.assert_close(
        rotation_vector(rotation_matrix(vector)), vector, atol=1e-10, rtol=1e-10
    )


@pytest.mark.parametrize("size", [0.0, 1e-6, 1e-3, 1.0, 3.0, math.pi - 1e-4, math.pi - 1e-7])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 2e-6), (torch.float64, 1e-14)])
def test_rotation_vector_is_as_good_as_its_dtype(size, dtype, error):
    vector = vectors(size)
    found = rotation_vector(rotation_matrix(vector).to(dtype)).double()
    # At π an axis and its opposite are one.
    sign = torch.sign((found * vector).sum(-1, keepdim=True)) if size > 3.1 else 1.0
    torch.testing.assert_close(sign * found, vector, atol=error, rtol=0)


def test_rotation_vector_of_half_turns_has_a_finite_gradient():
    axis = torch.cat([torch.eye(3, dtype=torch.float64), vectors(1.0)])
    half_turns = 2 * axis[:, :, None] * axis[:, None, :] - torch.eye(3, dtype=torch.float64)
    vector = rotation_vector(half_turns.requires_grad_())
    torch.testing.assert_close(vector.norm(dim=-1), torch.full((23,), math.pi).double())
    vector.sum().backward()
    assert half_turns.grad.abs().max() < 100


def test_derivative_of_rotation_vector_at_the_identity():
    vector = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(
        lambda v: rotation_vector(rotation_matrix(v)), vector
    )
    torch.testing.assert_close(jacobian, torch.eye(3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (0.0, 0.0),
        (math.pi, math.pi),
        (-math.pi, math.pi),
        (3 * math.pi, math.pi),
        (math.pi + 0.1, -math.pi + 0.1),
        (-math.pi - 0.1, math.pi - 0.1),
        (2 * math.pi, 0.0),
        (-20.0, -20.0 + 6 * math.pi),
    ],
)
def test_wrap_angle(angle, expected):
    wrapped = wrap_angle(torch.tensor(angle, dtype=torch.float64)).item()
    assert wrapped == pytest.approx(expected, abs=1e-14)
    assert -math.pi < wrapped <= math.pi


def test_dihedral_is_that_of_mdanalysis():
    points = torch.randn(4, 200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = calc_dihedrals(*points.float().numpy())
    np.testing.assert_allclose(dihedral(*points), expected, atol=1e-4)


def test_dihedral_is_odd_under_reflection():
    points = torch.randn(4, 50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(dihedral(*-points), -dihedral(*points))


@pytest.mark.parametrize("torsion", [0.0, 1e-9, math.pi / 2, math.pi])
def test_dihedral_is_differentiable_where_it_is_planar(torsion):
    a = torch.tensor([1.0, 0, 0], dtype=torch.float64)
    b, c = torch.zeros(3).double(), torch.tensor([0, 0, 1.5], dtype=torch.float64)
    d = torch.tensor([math.cos(torsion), math.sin(torsion), 1.5], dtype=torch.float64)
    points = [p.requires_grad_() for p in (a, b, c, d)]
    assert torch.autograd.gradcheck(lambda *p: torch.sin(dihedral(*p)), points)
    assert torch.autograd.gradgradcheck(lambda *p: torch.sin(dihedral(*p)), points)
