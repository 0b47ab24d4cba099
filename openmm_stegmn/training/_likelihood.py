"""How much a density knows of what follows, on frames it has not seen."""

import torch

from ..data import WindowSet
from ._config import TrainingConfig
from ._proposal_task import ProposalTask


@torch.no_grad()
def measure_likelihood(model, windows: WindowSet, batch_size: int = 500) -> dict[str, float]:
    """Mean logarithm of the density of what followed, for each bond, less that of an even one.

    Parameters
    ----------
    model : TorsionProposal
    windows : WindowSet
        As long as ``model.segment``, or longer.
    batch_size : int

    Returns
    -------
    dict
        By time, such as ``"2 ps"`` or ``"equilibrium"``: nats for each bond; more is better, zero
        is what no knowledge gives.
    """
    device = model.context.masses.device
    windows = windows.to(device)
    task = ProposalTask(model, windows, TrainingConfig())
    found = {}
    for variant, lag in enumerate(model.lags):
        total = 0.0
        for index in torch.arange(len(windows), device=device).split(batch_size):
            example = task.example(windows, index + variant * len(windows))
            total -= len(index) * task.loss(*example).item()
        name = "equilibrium" if lag is None else f"{lag * model.frame_interval:g} ps"
        found[name] = total / len(windows)
    return found
