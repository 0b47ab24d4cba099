"""Keep the weights that did best on the validation windows."""

import lightning
import torch


class KeepBest(lightning.Callback):
    """Remember the weights with the least validation loss, and give them back.

    Stands before the callback that averages weights: it then sees, at the end of a validation, the
    averaged ones that were validated.
    """

    def __init__(self):
        self.loss, self._weights = float("inf"), None

    @torch.no_grad()
    def on_validation_epoch_end(self, trainer, module):
        """Compare with the best so far."""
        loss = trainer.callback_metrics["validation"].item()
        if loss < self.loss:
            self.loss = loss
            self._weights = {name: p.clone() for name, p in module.model.named_parameters()}

    @torch.no_grad()
    def restore(self, model):
        """Give a model the best weights."""
        if self._weights is not None:
            for name, parameter in model.named_parameters():
                parameter.copy_(self._weights[name])
