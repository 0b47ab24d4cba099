"""Superposition against MDAnalysis, and its derivative."""

import numpy as np
import pytest
import torch
from MDAnalysis.analysis import align
from molecules import alkane, random_rotation

from openmm_stegmn.mechanics import _superpose, best_rotation, superpose


def random_frames(n_atoms=9, seed=0, noise=0.4):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    mobile = 3 * draw(n_atoms, 3)
    weights = draw(n_atoms).abs() + 0.1
    target = mobile @ random_rotation(seed).T + noise * draw(n_atoms, 3)
    centre = lambda x: x - (weights[:, None] * x).sum(0) / weights.sum()  # noqa: E731
    return centre(mobile), centre(target), weights


@pytest.mark.parametrize("seed", range(5))
def test_best_rotation_is_that_of_mdanalysis(seed):
    mobile, target, weights = random_frames(seed=seed)
    expected, _ = align.rotation_matrix(
        mobile.numpy(), target.numpy(), weights=weights.numpy() / weights.mean().item()
    )
    # MDAnalysis gives the matrix that multiplies columns from the left, as we do
    np.testing.assert_allclose(best_rotation(mobile, target, weights), expected, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_rotation_is_proper_for_mirror_images(seed):
    mobile, _, weights = random_frames(seed=seed)
    rotation = best_rotation(mobile, -mobile, weights)
    assert torch.linalg.det(rotation).item() == pytest.approx(1)


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_derivative_of_best_rotation(noise):
    mobile, target, weights = random_frames(n_atoms=5, noise=noise)
    mobile.requires_grad_(), target.requires_grad_()
    assert torch.autograd.gradcheck(lambda m, t: best_rotation(m, t, weights), (mobile, target))


def test_derivative_is_finite_for_symmetric_and_linear_molecules():
    square = torch.tensor([[1.0, 1, 0], [1, -1, 0], [-1, -1, 0], [-1, 1, 0]], dtype=torch.float64)
    line = torch.tensor([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=torch.float64)
    single = torch.zeros(1, 3, dtype=torch.float64)
    for frame in (square, line, single):
        for kind in (torch.float32, torch.float64):
            mobile = frame.to(kind).requires_grad_()
            moved = superpose(mobile, frame.to(kind), torch.ones(len(frame), dtype=kind))
            (moved * torch.randn_like(moved)).sum().backward()
            assert torch.isfinite(mobile.grad).all()
            assert mobile.grad.abs().max() < 100


def test_superpose_recovers_a_rigid_move_over_leading_dimensions():
    frame = alkane(4).frame
    weights = torch.tensor(alkane(4).masses, dtype=torch.float64)
    frames = torch.stack([frame @ random_rotation(s).T + s for s in range(6)]).reshape(2, 3, -1, 3)
    torch.testing.assert_close(
        superpose(frames, frame, weights), frame.expand_as(frames), atol=1e-12, rtol=0
    )


def test_superpose_fits_on_the_selection_alone():
    mobile, target, _ = random_frames()
    weights = torch.zeros(9, dtype=torch.float64)
    weights[:4] = 1
    mobile[:4] = target[:4] @ random_rotation(3).T + 2
    moved = superpose(mobile, target, weights)
    torch.testing.assert_close(moved[:4], target[:4], atol=1e-12, rtol=0)


@pytest.mark.parametrize("flat", [0, 1, 2, 3])
@pytest.mark.parametrize("sign", [1, -1])
def test_way_of_gpus_is_as_good_as_singular_values(flat, sign):
    """In the plane, on a line, at a point, and mirrored: as the trace of Rᵀ C, and a rotation."""
    mobile, target, _ = random_frames()
    mobile[:, 3 - flat :] = 0
    covariance = sign * target.T @ mobile
    rotation = _superpose._by_quaternion(covariance)
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3, dtype=torch.float64))
    assert torch.linalg.det(rotation).item() == pytest.approx(1)
    best = _superpose._maximiser(covariance)
    assert (rotation * covariance).sum().item() == pytest.approx(
        (best * covariance).sum().item(), rel=1e-12, abs=1e-12
    )
    if flat < 2:
        torch.testing.assert_close(rotation, best, atol=1e-9, rtol=0)
