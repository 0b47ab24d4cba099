"""Numbers of a training run, sent to its loggers."""

import lightning

# Steps from one look at the loss to the next: a GPU has to be waited for
LOOK_EVERY = 10


class Record(lightning.Callback):
    """Log losses by the optimiser steps that have been made.

    Lightning's own count is one off after training has gone on from a checkpoint.
    """

    def __init__(self):
        self._parts = []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        """Log the loss of a batch, of which this may be a part."""
        self._parts.append(module.latest_loss)
        if len(self._parts) < trainer.accumulate_grad_batches:
            return
        if trainer.global_step % LOOK_EVERY == 0:
            _log(trainer, {"loss": sum(self._parts).item() / len(self._parts)})
        self._parts = []

    def on_validation_end(self, trainer, module):
        """Log what validation found."""
        found = {name: value.item() for name, value in trainer.callback_metrics.items()}
        _log(trainer, found)


def _log(trainer, metrics):
    for logger in trainer.loggers:
        logger.log_metrics(metrics, trainer.global_step)
        logger.save()
