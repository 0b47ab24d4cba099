"""What optimisers of all trainings share."""

import torch


def one_cycle(optimizer: torch.optim.Optimizer, peak: float, steps: int):
    """One-cycle schedule of learning rates, stepped after each step of the optimiser.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    peak : float
        Largest learning rate.
    steps : int
        Of the optimiser, in all.
    """
    # OneCycleLR divides by zero if its first phase, here a tenth, is one step long.
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=max(steps, 20), pct_start=0.1
    )
