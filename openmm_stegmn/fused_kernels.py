"""Kernels fused by ``torch.compile``, for any number of modules of one class."""

import torch
from torch import nn


def fuse(module: nn.Module, mode: str = "default") -> nn.Module:
    """A module whose kernels are fused, compiled for the shapes that it is called with.

    ``torch.compile`` counts what it compiled by code object, which all instances of a class share:
    from the ninth on it would run them as they are and say so in a log only. The compiled frame
    here has a code object of its own, which the limit counts from zero and which is freed with the
    module; what other code compiled stays compiled. What the compiler cannot see as one graph is
    compiled in pieces, whose code is the class's again.

    Parameters
    ----------
    module : torch.nn.Module
        A function of tensors.
    mode : str
        Of ``torch.compile``.
    """

    class Fused(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, *inputs):
            return self.module(*inputs)

    Fused.forward.__code__ = Fused.forward.__code__.replace()
    return torch.compile(Fused(), dynamic=False, mode=mode)
