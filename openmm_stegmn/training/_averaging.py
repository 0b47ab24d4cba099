"""The exponential moving average of weights that training keeps."""

import torch
from lightning.pytorch.callbacks import WeightAveraging


class Averaging(WeightAveraging):
    """Average weights, and give the averaged ones to validation and at the end.

    Lightning's, but for the average itself: a few operations on all weights at once, where walking
    through modules and parameters takes longer than a step on a GPU.

    Parameters
    ----------
    decay : float
        Of the average, once it is old enough.
    """

    def __init__(self, decay: float):
        # Buffers are atom indices and masses: averaging rounds indices down to other atoms.
        super().__init__(use_buffers=False)
        self.decay, self._weights = decay, None

    @torch.no_grad()
    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        """Average after a step of the optimiser; the first weights are taken as they are."""
        if trainer.global_step <= self._latest_update_step:
            return
        if self._weights is None:
            of_average = self._average_model.module.parameters()
            self._weights = list(of_average), list(module.parameters())
        averaged, current = self._weights
        count, self._latest_update_step = self._latest_update_step, trainer.global_step
        # As young as the training is, so that the weights it started from are soon forgotten
        share = 1 - min((1 + count) / (10 + count), self.decay) if count else 1.0
        change = torch._foreach_sub(current, averaged)
        torch._foreach_add_(averaged, change, alpha=share)
