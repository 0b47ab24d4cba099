"""Where models are trained."""

import torch
from lightning.pytorch.utilities import rank_zero_only


def is_first_process() -> bool:
    """Whether this is the only process of a training, or the one that writes and measures."""
    return rank_zero_only.rank == 0


def choose_device(name: str) -> str:
    """``"cpu"`` or ``"cuda"``; ``"auto"`` is CUDA if there is a device.

    Raises
    ------
    ValueError
        If the name is another one, or there is no CUDA device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be 'auto', 'cpu' or 'cuda', got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda': PyTorch finds no CUDA device here")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name
