"""Errors in positions, by hand, and the floor of rigid sticks."""

import pytest
import torch
from molecules import alkane, perturbed_model, random_walk

from openmm_stegmn.benchmarks import PositionErrors, predict, rigid_stick_frames
from openmm_stegmn.data import WindowSet

BUTANE = alkane(4)
# H–C, whose centre of mass is not its middle, and C–C
STICKS = ((4, 0), (1, 2))


def test_mean_over_windows_heavy_atoms_and_components():
    target = torch.zeros(2, 3, 3)
    predicted = target.clone()
    predicted[0, 0] = torch.tensor([3.0, 0.0, 0.0])
    predicted[1, 1] = torch.tensor([0.0, -1.0, 2.0])
    predicted[:, 2] = 6.0
    errors = PositionErrors.of(predicted, target, torch.tensor([True, True, False]))
    assert errors.mse == pytest.approx((9 + 1 + 4) / 12)
    assert errors.mae == pytest.approx((3 + 1 + 2) / 12)
    assert errors.mse_all_atoms == pytest.approx((14 + 6 * 36) / 18)
    assert errors.mae_all_atoms == pytest.approx((6 + 6 * 6) / 18)


def test_nothing_is_superposed():
    target = BUTANE.frame[None]
    heavy = torch.tensor([element != "H" for element in BUTANE.elements])
    errors = PositionErrors.of(target + torch.tensor([0.3, 0.0, 0.0]), target, heavy)
    assert errors.mse == pytest.approx(0.03)


def test_predictions_in_batches():
    frames = random_walk(BUTANE, 30).float()
    windows = WindowSet.from_trajectories([frames], history=4)
    model = perturbed_model(BUTANE, "linear-ar-full")
    predicted, target = predict(model, windows, batch_size=7)
    window, expected = windows.take(slice(None))
    assert torch.equal(target, expected)
    torch.testing.assert_close(predicted, model(window)[:, 0], rtol=0, atol=1e-5)


def test_floor_keeps_lengths_directions_and_centres_of_mass():
    generator = torch.Generator().manual_seed(0)
    last = BUTANE.frame + 0.1 * torch.randn(5, *BUTANE.frame.shape, generator=generator)
    target = BUTANE.frame + 0.1 * torch.randn(5, *BUTANE.frame.shape, generator=generator)
    frames = rigid_stick_frames(last, target, STICKS, BUTANE.masses)
    free = set(range(BUTANE.n_atoms))
    for i, j in STICKS:
        arm, true, before = (x[:, j] - x[:, i] for x in (frames, target, last))
        torch.testing.assert_close(arm.norm(dim=-1), before.norm(dim=-1))
        torch.testing.assert_close(
            torch.nn.functional.normalize(arm, dim=-1), torch.nn.functional.normalize(true, dim=-1)
        )
        mi, mj = BUTANE.masses[i], BUTANE.masses[j]
        centre = mi * frames[:, i] + mj * frames[:, j]
        torch.testing.assert_close(centre, mi * target[:, i] + mj * target[:, j])
        free -= {i, j}
    assert torch.equal(frames[:, sorted(free)], target[:, sorted(free)])
    assert not torch.allclose(frames, target, atol=1e-3)
