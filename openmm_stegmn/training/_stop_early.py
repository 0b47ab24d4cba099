"""Stop when validation has not improved for long."""

from lightning.pytorch.callbacks import EarlyStopping


class StopEarly(EarlyStopping):
    """Stop after so many validations in a row without a lower loss.

    Parameters
    ----------
    patience : int
    """

    def __init__(self, patience: int):
        super().__init__("validation", patience=patience, verbose=False)

    def on_train_start(self, trainer, module):
        """Stop at once where the checkpoint is of training that had stopped.

        Lightning would go on to the next validation, and perhaps to other weights.
        """
        if self.wait_count >= self.patience:
            trainer.should_stop = True
