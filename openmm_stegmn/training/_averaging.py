"""The exponential moving average of weights that training keeps."""

from functools import partial

import torch
from lightning.pytorch.callbacks import WeightAveraging


def averaging(decay: float) -> WeightAveraging:
    """Callback that averages weights, and gives the averaged ones to validation and at the end.

    Parameters
    ----------
    decay : float
        Of the average, once it is old enough.
    """
    # Buffers are atom indices and masses: averaging rounds indices down to other atoms.
    return WeightAveraging(use_buffers=False, multi_avg_fn=partial(_average, decay))


@torch.no_grad()
def _average(decay, averaged, current, count):
    # As young as the training is, so that the weights it started from are soon forgotten
    share = 1 - torch.clamp((1 + count) / (10 + count), max=decay)
    change = torch._foreach_sub(current, averaged)
    torch._foreach_mul_(change, share)
    torch._foreach_add_(averaged, change)
