"""Densities on a circle: against a sum over many images, and their integral."""

import math

import pytest
import torch

from openmm_stegmn.models.layers._wrapped_normal import (
    GREATEST_WIDTH,
    wrap_period,
    wrapped_normal_log_density,
)

PERIODS = [2 * math.pi, math.pi, 2 * math.pi / 3]


def of(*values):
    return torch.tensor(values, dtype=torch.float64)


def widths(period):
    """From the narrowest that a network may give to the widest."""
    return torch.linspace(0.03, GREATEST_WIDTH * period, 12, dtype=torch.float64)


@pytest.mark.parametrize("period", PERIODS)
def test_density_is_a_sum_over_images(period):
    deviation = torch.linspace(-period / 2, period / 2, 41, dtype=torch.float64)[:, None]
    width = widths(period)
    found = wrapped_normal_log_density(deviation, width, of(period)).exp()
    images = period * torch.arange(-50, 51, dtype=torch.float64)
    scaled = (deviation[..., None] + images) / width[:, None]
    expected = (-0.5 * scaled.square()).exp().sum(-1) / (width * math.sqrt(2 * math.pi))
    # Half a period away the next image has 4e-8 of the weight of the one in the middle.
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-8)


@pytest.mark.parametrize("period", PERIODS)
def test_integral_over_a_period_is_one(period):
    # Sums over an even grid of a smooth periodic function converge beyond all powers.
    deviation = wrap_period(
        period * torch.arange(2000, dtype=torch.float64) / 2000 + 0.3, of(period)
    )
    density = wrapped_normal_log_density(deviation[:, None], widths(period), of(period)).exp()
    integral = density.mean(0) * period
    torch.testing.assert_close(integral, torch.ones_like(integral), rtol=0, atol=1e-8)


def test_far_from_a_narrow_mean_the_logarithm_is_finite():
    found = wrapped_normal_log_density(of(3.0), of(0.03), of(2 * math.pi))
    expected = -0.5 * (3.0 / 0.03) ** 2 - math.log(0.03 * math.sqrt(2 * math.pi))
    assert found.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("period", PERIODS)
def test_wrap_period(period):
    angles = torch.linspace(-9, 9, 400, dtype=torch.float64)
    wrapped = wrap_period(angles, of(period))
    assert wrapped.abs().max() <= period / 2 * (1 + 1e-12)
    turns = (angles - wrapped) / period
    torch.testing.assert_close(turns, turns.round(), rtol=0, atol=1e-12)
    inside = angles[angles.abs() < 0.499 * period]
    assert torch.equal(wrap_period(inside, of(period)), inside)
