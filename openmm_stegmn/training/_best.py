"""Keep the weights that did best on the validation windows."""

import lightning
import torch


class KeepBest(lightning.Callback):
    """Remember the weights with the least validation loss, and give them back.

    Those before training count too. Stands before the callback that averages weights: it then sees,
    at the end of a validation, the averaged ones that were validated.

    Parameters
    ----------
    batches : DataLoader or None
        Numbers of validation windows; None where there are none.
    """

    def __init__(self, batches=None):
        self.loss, self._weights, self._batches = float("inf"), None, batches

    @torch.no_grad()
    def on_train_start(self, trainer, module):
        """Look at the weights before training, unless this is how training goes on."""
        if self._batches is None or self._weights is not None:
            return
        sizes, losses = [], []
        for index in self._batches:
            example = module.example(module.validation, index.to(module.device))
            losses.append(len(index) * module.loss(*example).item())
            sizes.append(len(index))
        self._keep(sum(losses) / sum(sizes), module)

    @torch.no_grad()
    def on_validation_epoch_end(self, trainer, module):
        """Compare with the best so far."""
        self._keep(trainer.callback_metrics["validation"].item(), module)

    def state_dict(self):
        """What a checkpoint holds."""
        return {"loss": self.loss, "weights": self._weights}

    def load_state_dict(self, state):
        """Inverse of :meth:`state_dict`."""
        self.loss, self._weights = state["loss"], state["weights"]

    def _keep(self, loss, module):
        if loss < self.loss:
            self.loss = loss
            self._weights = {name: p.clone() for name, p in module.model.named_parameters()}

    @torch.no_grad()
    def restore(self, model):
        """Give a model the best weights."""
        if self._weights is not None:
            for name, parameter in model.named_parameters():
                parameter.copy_(self._weights[name])
