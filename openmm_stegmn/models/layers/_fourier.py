"""Convolutions in time by Fourier modes, as products of real matrices."""

import math

import torch
from torch import Tensor, nn


def fourier_basis(frames: int, modes: int, like: Tensor) -> Tensor:
    r"""Waves that convolutions over P frames are made of, ``(P * P, 2 I)``.

    :math:`s_k \cos θ_k(p - q)` of each mode k, then :math:`-s_k \sin θ_k(p - q)`, for all pairs of
    frames; :math:`θ_k(d) = 2 π k d / P`, and :math:`s_k` is 2 / P, or 1 / P of a mode that is its
    own conjugate. They are the same for all layers of a network.

    Parameters
    ----------
    frames, modes : int
        P, and I. Of fewer than 2 (I − 1) frames, modes that they do not have are zero.
    like : Tensor
        Whose dtype and device they have.
    """
    number = torch.arange(modes, device=like.device)
    frame = torch.arange(frames, device=like.device)
    apart = (frame[:, None] - frame).reshape(-1, 1)
    # Whole turns are left out before cosines are taken: no digits are lost to them.
    angle = (apart * number % frames).to(like.dtype) * (2 * math.pi / frames)
    # Of both signs, its own conjugate, or not there at all. Numbers are not mixed with bools: those
    # of a trace change their dtype when it is written to a file.
    signs = (2 * number < frames).long() + (2 * number <= frames).long() - (number == 0).long()
    share = signs.to(like.dtype) / frames
    return torch.cat([share * torch.cos(angle), -share * torch.sin(angle)], -1)


class FourierConvolution(nn.Module):
    r"""Mix channels mode by mode: :math:`F^{-1}(M · F(y))` over P frames, truncated.

    F is the discrete Fourier transform over the frames, of which the lowest I modes are kept, and
    :math:`M ∈ C^{I × F × F}` is learned. All of it is one product with a matrix of P F rows, which
    is made from M each time: for the few dozen frames that there are it is fast, in every
    precision, and tracing and freezing know it. The result is that of
    ``torch.fft.irfft(M · torch.fft.rfft(y))`` with all further modes zero.

    A function of time keeps its modes whatever the number of frames, so one M serves any number; of
    fewer than 2 (I − 1) frames, those modes are left out that they do not have.

    Parameters
    ----------
    channels, modes : int
        F and I.
    scale : float
        Standard deviation of the initial weights.

    References
    ----------
    Li et al. 2021, Fourier neural operator for parametric partial differential equations.
    """

    def __init__(self, channels: int, modes: int, scale: float):
        super().__init__()
        self.modes = modes
        #: Real and imaginary part of M, ``(2, I, F, F)``, from the last axis to the one before.
        self.weights = nn.Parameter(scale * torch.randn(2, modes, channels, channels))

    def forward(self, y: Tensor, basis: Tensor) -> Tensor:
        """``(B, P, ..., F)`` to the same shape, with :func:`fourier_basis` of P frames."""
        batch, frames, channels = y.shape[0], y.shape[1], y.shape[-1]
        kernel = (basis @ self.weights.flatten(2).flatten(0, 1)).reshape(
            frames, frames, channels, channels
        )
        # from frame and channel to frame and channel
        kernel = kernel.permute(1, 3, 0, 2).reshape(frames * channels, frames * channels)
        rows = y.flatten(2, -2).transpose(1, 2).reshape(-1, frames * channels) @ kernel
        return rows.reshape(batch, -1, frames, channels).transpose(1, 2).reshape(y.shape)


class ScalarConvolution(nn.Module):
    """Temporal convolution of scalars, :math:`y + σ(F^{-1}(M · F(y)))`.

    Parameters
    ----------
    channels, modes : int
    """

    def __init__(self, channels: int, modes: int):
        super().__init__()
        self.convolution = FourierConvolution(channels, modes, 1 / channels)

    def forward(self, h: Tensor, basis: Tensor) -> Tensor:
        """``(B, P, N, channels)`` to the same."""
        return h + nn.functional.silu(self.convolution(h, basis))


class VectorConvolution(nn.Module):
    r"""Temporal convolution of vectors, :math:`Z + F^{-1}(M · F(Z))`.

    Channels of Z are mixed, x, y and z are not, and there is no nonlinearity: it commutes with
    rotations and reflections. Positions must be relative to a centre.

    Parameters
    ----------
    channels, modes : int
    scale : float
        Standard deviation of the initial weights; 0 changes nothing before training.
    """

    def __init__(self, channels: int, modes: int, scale: float):
        super().__init__()
        self.convolution = FourierConvolution(channels, modes, scale)

    def forward(self, vectors: Tensor, basis: Tensor) -> Tensor:
        """``(B, P, N, 3, channels)`` to the same."""
        return vectors + self.convolution(vectors, basis)


def time_embedding(times: Tensor, width: int) -> Tensor:
    """Sines and cosines of times, ``(P,)`` to ``(P, width)``, as of positions in a transformer.

    Parameters
    ----------
    times : Tensor, ``(P,)``
        In units of the frames that a network is trained for; fractions lie between them.
    width : int
        Even.
    """
    half = width // 2
    number = torch.arange(half, dtype=times.dtype, device=times.device)
    rate = torch.exp(-math.log(10_000) * number / max(half - 1, 1))
    angle = times.unsqueeze(-1) * rate
    return torch.cat([torch.sin(angle), torch.cos(angle)], -1)
