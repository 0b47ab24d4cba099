"""Wrapped normal distributions: densities of angles."""

import math

import torch
from torch import Tensor

# Images on each side. At the greatest width the next one is 5.8 widths away: below 1e-8.
_IMAGES = 3
#: Greatest width of a wrapped normal, in periods.
GREATEST_WIDTH = 0.6


def wrapped_normal_log_density(deviation: Tensor, width: Tensor, period: Tensor) -> Tensor:
    r"""Logarithm of :math:`\sum_m N(d + m P; 0, σ)` on one period.

    Parameters
    ----------
    deviation, width, period : Tensor
        Of shapes that broadcast; rad. The deviation is from the mean, within a period; the width at
        most :data:`GREATEST_WIDTH` periods.

    Returns
    -------
    Tensor
        log(1/rad).
    """
    images = torch.arange(-_IMAGES, _IMAGES + 1, dtype=deviation.dtype, device=deviation.device)
    shifted = (deviation.unsqueeze(-1) + images * period.unsqueeze(-1)) / width.unsqueeze(-1)
    total = torch.logsumexp(-0.5 * shifted.square(), -1)
    return total - torch.log(width) - 0.5 * math.log(2 * math.pi)


def wrap_period(angle: Tensor, period: Tensor) -> Tensor:
    """The same angle within half a period of zero."""
    return angle - period * torch.round(angle / period)
