"""The training loop: Lightning does the work."""

import warnings

import lightning
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import nn
from torch.optim.swa_utils import get_ema_avg_fn
from torch.utils.data import DataLoader, RandomSampler

from ..data import WindowSet
from ._config import TrainingConfig


class TorsionTask(lightning.LightningModule):
    r"""Fit the increments of the rotatable bonds: on the circle, and by where they put the atoms.

    The loss has two terms, each relative to what the last frame as the prediction would give:
    :math:`\sum_b (1 - \cos(\hat{Δq}_b - Δq_b))`, in which every bond counts the same, and the mean
    square distance between the atoms as the predicted and as the true increments place them, in
    which a bond counts by what it moves.

    Parameters
    ----------
    model : TrajectoryModel
        With a method ``increments``.
    windows : WindowSet
    config : TrainingConfig
    """

    def __init__(self, model: nn.Module, windows: WindowSet, config: TrainingConfig):
        super().__init__()
        self.model, self.config = model, config
        self.windows = windows
        with torch.no_grad():
            sample, target = windows.subset(20_000).take(slice(None))
            last = sample[:, -1]
            angles = self._true_increments(last, target)
            moved, _ = model.context.body.move(last, angles)
            self.register_buffer("angle_scale", (1 - torch.cos(angles)).mean(0).clamp_min(1e-6))
            self.register_buffer("position_scale", (moved - last).square().mean().clamp_min(1e-6))

    def on_fit_start(self):
        """Move the frames to where the model is."""
        self.windows = self.windows.to(self.device)

    def training_step(self, index, _):
        """Loss of one batch of window numbers."""
        window, target = self.windows.take(index)
        body, last = self.model.context.body, window[:, -1]
        angles, predicted = self._true_increments(last, target), self.model.increments(window)
        on_circle = ((1 - torch.cos(predicted - angles)) / self.angle_scale).mean()
        with torch.no_grad():
            goal, _ = body.move(last, angles)
        moved, _ = body.move(last, predicted)
        loss = on_circle + (moved - goal).square().mean() / self.position_scale
        self.log("loss", loss, prog_bar=True)
        return loss

    def _true_increments(self, last, target):
        body = self.model.context.body
        return body.torsions(target) - body.torsions(last)

    def configure_optimizers(self):
        """AdamW on a one-cycle schedule."""
        config = self.config
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        # OneCycleLR divides by zero if its first phase, here a tenth, is one step long.
        total = max(config.steps, 20)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, config.learning_rate, total_steps=total, pct_start=0.1
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def train(
    model,
    windows: WindowSet,
    config: TrainingConfig | None = None,
    *,
    accelerator="auto",
    progress=True,
):
    """Train a model in place.

    The closed-form part is set by least squares first; a model that has nothing else is done then.

    Parameters
    ----------
    model : TrajectoryModel
    windows : WindowSet
    config : TrainingConfig, optional
    accelerator : str
        Lightning's: ``"auto"``, ``"cpu"``, ``"gpu"``.
    progress : bool
        Show a progress bar.

    Returns
    -------
    TrajectoryModel
        The same model, on the CPU, in evaluation mode, with the averaged weights.
    """
    config = config or TrainingConfig()
    sample, target = windows.subset(50_000).take(slice(None))
    with torch.no_grad():
        model.fit(sample, target)
    if not model.closed_form:
        generator = torch.Generator().manual_seed(config.seed)
        sampler = RandomSampler(
            range(len(windows)),
            replacement=True,
            num_samples=config.steps * config.batch_size,
            generator=generator,
        )
        # Only numbers of windows are loaded: the frames stay on the device that trains.
        loader = DataLoader(range(len(windows)), batch_size=config.batch_size, sampler=sampler)
        # Buffers are atom indices and masses: averaging rounds indices down to other atoms.
        averaging = WeightAveraging(use_buffers=False, avg_fn=get_ema_avg_fn(config.average_decay))
        trainer = lightning.Trainer(
            max_steps=config.steps, accelerator=accelerator, devices=1,
            gradient_clip_val=config.gradient_clip, enable_progress_bar=progress,
            callbacks=[averaging],
            logger=False, enable_checkpointing=False, enable_model_summary=False,
        )  # fmt: skip
        with warnings.catch_warnings():
            # Numbers need no worker processes.
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            trainer.fit(TorsionTask(model.train(), windows, config), loader)
    return model.cpu().eval()
