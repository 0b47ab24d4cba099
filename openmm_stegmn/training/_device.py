"""Where models are trained."""

import os

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


def check_processes(devices: int, nodes: int) -> None:
    """Refuse to train with other processes than torchrun or SLURM has started.

    They would not know of each other, and each would do all of the work.

    Parameters
    ----------
    devices, nodes : int
        Processes on each machine, and machines.

    Raises
    ------
    ValueError
        Naming both numbers.
    """
    for launcher, of_it, variable in (
        ("torchrun", "TORCHELASTIC_RUN_ID", "WORLD_SIZE"),
        ("srun", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NUM_TASKS"),
    ):
        if of_it in os.environ and int(os.environ[variable]) != devices * nodes:
            raise ValueError(
                f"{launcher} has started {os.environ[variable]} processes, but devices {devices} "
                f"on nodes {nodes} are {devices * nodes}: state the same in both (--devices on "
                f"each machine, --nodes machines)"
            )
