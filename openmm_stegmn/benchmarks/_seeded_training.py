"""Training for a record: timed, and the same whatever was trained before."""

import time
from collections.abc import Callable

import torch

from ..data import WindowSet
from ..training import TrainingConfig, train


def train_with_seed(
    build: Callable, windows: dict[str, WindowSet], config: TrainingConfig, device: str
):
    """Build and train a model; its seed sets the initial weights too.

    Parameters
    ----------
    build : callable
        Makes the untrained model.
    windows : dict
        ``"training"`` and ``"validation"``.
    config : TrainingConfig
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    model : TrajectoryModel
    seconds : float
    """
    # A seed gives the same model whatever was trained before, and leaves no trace.
    with torch.random.fork_rng(devices=[0] if device == "cuda" else []):
        torch.manual_seed(config.seed)
        start = time.perf_counter()
        model = train(
            build(), windows["training"], config, validation=windows["validation"],
            accelerator="gpu" if device == "cuda" else "cpu", progress=False,
        )  # fmt: skip
        return model, time.perf_counter() - start
