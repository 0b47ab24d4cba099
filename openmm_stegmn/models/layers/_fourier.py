"""Convolutions in time by Fourier modes, as products of real matrices."""

import math

import torch
from torch import Tensor, nn


class FourierConvolution(nn.Module):
    r"""Mix channels mode by mode: :math:`F^{-1}(M · F(y))` over P frames, truncated.

    F is the discrete Fourier transform over the frames, of which the lowest I modes are kept, and
    :math:`M ∈ C^{I × F × F}` is learned. Matrices of cosines and sines take the place of a fast
    transform: for the few dozen frames that there are they are as fast, in every precision, and
    tracing and freezing know them. The result is that of ``torch.fft.irfft(M · torch.fft.rfft(y))``
    with all further modes zero.

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

    def forward(self, y: Tensor) -> Tensor:
        """``(B, P, ..., F)`` to the same shape."""
        frames = y.shape[1]
        modes = min(self.modes, frames // 2 + 1)
        number = torch.arange(modes, device=y.device)
        # Whole turns are left out before cosines are taken: no digits are lost to them.
        turns = number[:, None] * torch.arange(frames, device=y.device) % frames
        angle = turns.to(y.dtype) * (2 * math.pi / frames)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        own_conjugate = (number == 0) | (2 * number == frames)
        share = (2 - own_conjugate.to(y.dtype)).unsqueeze(1) / frames
        real, imaginary = (torch.einsum("kp,bp...->bk...", part, y) for part in (cosine, -sine))
        a, b = self.weights[:, :modes]
        mixed = torch.stack([
            torch.einsum("kfg,bk...g->bk...f", a, real)
            - torch.einsum("kfg,bk...g->bk...f", b, imaginary),
            torch.einsum("kfg,bk...g->bk...f", b, real)
            + torch.einsum("kfg,bk...g->bk...f", a, imaginary),
        ])  # fmt: skip
        back = torch.stack([share * cosine, -share * sine])
        return torch.einsum("ckp,cbk...->bp...", back, mixed)


class ScalarConvolution(nn.Module):
    """Temporal convolution of scalars, :math:`y + σ(F^{-1}(M · F(y)))`.

    Parameters
    ----------
    channels, modes : int
    """

    def __init__(self, channels: int, modes: int):
        super().__init__()
        self.convolution = FourierConvolution(channels, modes, 1 / channels)

    def forward(self, h: Tensor) -> Tensor:
        """``(B, P, N, channels)`` to the same."""
        return h + nn.functional.silu(self.convolution(h))


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

    def forward(self, vectors: Tensor) -> Tensor:
        """``(B, P, N, 3, channels)`` to the same."""
        return vectors + self.convolution(vectors)


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
