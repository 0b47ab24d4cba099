"""Convolutions in time, against PyTorch's own Fourier transform."""

import pytest
import torch
from molecules import random_rotation

from openmm_stegmn.models.layers import (
    FourierConvolution,
    ScalarConvolution,
    VectorConvolution,
    fourier_basis,
    time_embedding,
)

SHAPE = (2, 3, 5)


def convolution(channels, modes, seed=0):
    torch.manual_seed(seed)
    return FourierConvolution(channels, modes, 1.0).double()


def applied(layer, y):
    """A layer, with the basis of as many frames."""
    modes = layer.modes if hasattr(layer, "modes") else layer.convolution.modes
    return layer(y, fourier_basis(y.shape[1], modes, y))


def by_fft(layer, y):
    spectrum = torch.fft.rfft(y, dim=1)[:, : layer.modes]
    weights = torch.complex(*layer.weights)[: spectrum.shape[1]]
    mixed = torch.einsum("kfg,bk...g->bk...f", weights, spectrum)
    return torch.fft.irfft(mixed, n=y.shape[1], dim=1)


@pytest.mark.parametrize("frames", [1, 2, 5, 8, 9, 32])
@pytest.mark.parametrize("modes", [1, 2, 5])
def test_is_that_of_the_fast_transform(frames, modes):
    layer = convolution(SHAPE[-1], modes)
    y = torch.randn(2, frames, *SHAPE[1:], dtype=torch.float64)
    torch.testing.assert_close(applied(layer, y), by_fft(layer, y), atol=1e-12, rtol=0)


def test_all_modes_and_unit_weights_change_nothing():
    layer = convolution(4, 5)
    with torch.no_grad():
        layer.weights.zero_()[0] = torch.eye(4)
    y = torch.randn(2, 9, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(applied(layer, y), y, atol=1e-12, rtol=0)


def test_single_precision():
    layer = convolution(8, 3)
    y = torch.randn(4, 8, 6, 8, dtype=torch.float64)
    expected = applied(layer, y)
    error = (applied(layer.float(), y.float()) - expected).abs().max()
    assert error < 1e-5 * expected.abs().max()


def test_a_function_of_time_is_the_same_at_any_number_of_frames():
    layer = convolution(3, 2)
    amplitude = torch.randn(2, 3, dtype=torch.float64)

    def sampled(frames):
        time = torch.arange(frames, dtype=torch.float64)[:, None] / frames
        wave = torch.cos(2 * torch.pi * time) * amplitude[0] + amplitude[1]
        return applied(layer, wave.reshape(1, frames, 1, 3))[0, :, 0]

    torch.testing.assert_close(sampled(12)[::3], sampled(4), atol=1e-12, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reflect", [False, True])
def test_convolution_of_vectors_is_equivariant(dtype, reflect):
    torch.manual_seed(0)
    layer = VectorConvolution(2, 3, 0.1).to(dtype)
    vectors = torch.randn(2, 6, 4, 3, 2, dtype=dtype)
    orthogonal = random_rotation(1, reflect).to(dtype)
    turn = lambda v: torch.einsum("xy,...yc->...xc", orthogonal, v)  # noqa: E731
    error = (applied(layer, turn(vectors)) - turn(applied(layer, vectors))).abs().max()
    assert error < (1e-5 if dtype == torch.float32 else 1e-12)


def test_scalars_pass_a_nonlinearity_and_vectors_do_not():
    torch.manual_seed(0)
    scalars, vectors = ScalarConvolution(3, 2).double(), VectorConvolution(2, 2, 0.1).double()
    h = torch.randn(1, 5, 2, 3, dtype=torch.float64)
    z = torch.randn(1, 5, 2, 3, 2, dtype=torch.float64)
    torch.testing.assert_close(applied(vectors, 2 * z), 2 * applied(vectors, z))
    assert (applied(scalars, 2 * h) - 2 * applied(scalars, h)).abs().max() > 1e-2
    torch.testing.assert_close(
        applied(scalars, h) - h, torch.nn.functional.silu(applied(scalars.convolution, h))
    )


def test_traced_and_frozen():
    layer = VectorConvolution(2, 3, 0.1).requires_grad_(False).eval()
    vectors = torch.randn(2, 6, 4, 3, 2)
    basis = fourier_basis(6, 3, vectors)
    frozen = torch.jit.freeze(torch.jit.trace(layer, (vectors, basis)))
    torch.testing.assert_close(frozen(2 * vectors, basis), applied(layer, 2 * vectors))


def test_times_between_frames_are_embedded_between_them():
    frames = time_embedding(torch.arange(5.0), 32)
    assert frames.shape == (5, 32)
    torch.testing.assert_close(frames[0], torch.cat([torch.zeros(16), torch.ones(16)]))
    between = time_embedding(torch.tensor([1.5]), 32)[0]
    slow = 8  # sines from here on turn by less than a hundredth a frame
    torch.testing.assert_close(
        between[slow:16], (frames[1] + frames[2])[slow:16] / 2, atol=1e-4, rtol=0
    )
    assert time_embedding(torch.arange(5.0), 0).shape == (5, 0)
