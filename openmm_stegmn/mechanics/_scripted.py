"""Functions that choose by device what they do, and still do in a trace made elsewhere."""

import warnings
from collections.abc import Callable

import torch


def scripted(function: Callable) -> Callable:
    """Decorator: what is traced on the CPU keeps the choice in place of what was chosen."""
    with warnings.catch_warnings():
        # TorchScript is deprecated, but it is what a TorchForce takes.
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(function)
