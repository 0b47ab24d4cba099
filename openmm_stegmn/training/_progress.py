"""A bar that shows how training goes."""

from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ._record import LOOK_EVERY

_WORDS = {"loss": "loss", "validation": "validation", "ratio": "error/best baseline"}


class StepsBar(ProgressBar):
    """Steps of the whole training, with losses and the time left, on stderr.

    Lightning's own bars count the batches of an epoch, which here is the time between validations.
    """

    def __init__(self):
        super().__init__()
        self._bar = self._task = None
        self._enabled = True

    def disable(self):
        """Show nothing: in processes other than the first."""
        self._enabled = False

    def on_train_start(self, trainer, module):
        """Show the bar."""
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("steps"), TimeElapsedColumn(), TimeRemainingColumn(),
            console=Console(stderr=True), disable=not self._enabled,
        )  # fmt: skip
        self._bar.start()
        self._task = self._bar.add_task(
            "training", total=trainer.max_steps, completed=trainer.global_step
        )

    def on_train_batch_end(self, trainer, module, *_):
        """Count a step."""
        if self._enabled and trainer.global_step % LOOK_EVERY == 0:
            self._show(trainer, module)

    def on_train_end(self, trainer, module):
        """Leave the bar as it is at the end."""
        self._show(trainer, module)
        self._bar.stop()

    def _show(self, trainer, module):
        found = dict(trainer.progress_bar_metrics)
        if module.latest_loss is not None:
            found["loss"] = module.latest_loss.item()
        text = "  ".join(f"{_WORDS[name]} {found[name]:.4g}" for name in _WORDS if name in found)
        self._bar.update(self._task, description=text or "training", completed=trainer.global_step)

    def on_exception(self, trainer, module, exception):
        """Leave the terminal in order."""
        if self._bar is not None:
            self._bar.stop()
