"""What training minimises: errors of torsions, or of positions."""

from abc import ABC, abstractmethod

import lightning
import torch
from torch import nn

from ..data import WindowSet, reverse_time
from ..mechanics import superpose
from ._config import TrainingConfig
from ._memory import bytes_of_window

# Windows that the scale of a loss is measured on, and how many at a time.
# Of large molecules fewer, with that many atoms in all their frames.
_SAMPLE, _SAMPLE_ATOMS, _BLOCK = 4_000, 10_000_000, 250


class JumpTask(lightning.LightningModule, ABC):
    """Fit the next frame of windows, given by number.

    Numbers from ``len(windows) * variants`` on are the same backwards in time.

    Parameters
    ----------
    model : TrajectoryModel
        Fitted: losses are relative to what it makes of the windows before training, or to no move.
    windows : WindowSet
    config : TrainingConfig
    validation : WindowSet, optional
    """

    def __init__(
        self, model: nn.Module, windows: WindowSet, config: TrainingConfig,
        validation: WindowSet | None = None,
    ):  # fmt: skip
        super().__init__()
        self.model, self.config = model, config
        self.windows, self.validation = windows, validation
        device = model.context.masses.device
        with torch.no_grad():
            sample = windows.subset(windows.at_most(_SAMPLE, _SAMPLE_ATOMS))
            self._measure(*(part.to(device) for part in sample.take(slice(None))))

    @property
    def variants(self) -> int:
        """Examples that each window gives in each direction of time."""
        return 1

    @abstractmethod
    def _measure(self, window, target):
        """Set the scales of the loss."""

    @abstractmethod
    def loss(self, window, target):
        """Loss of windows ``(n, T, N, 3)`` and targets ``(n, N, 3)``."""

    def on_fit_start(self):
        """Move the frames to where the model is."""
        self.windows = self.windows.to(self.device)
        if self.validation is not None:
            self.validation = self.validation.to(self.device)

    def bytes_of_window(self) -> int:
        """What a window takes in training, for its gradients, on the device of the model."""
        device, state = self.model.context.masses.device, {}
        # A loss may draw random numbers.
        self.on_save_checkpoint(state)
        found = bytes_of_window(
            lambda index: self.loss(*(x.to(device) for x in self.example(self.windows, index)))
        )
        self.on_load_checkpoint(state)
        return found

    def training_step(self, index, _):
        """Loss of one batch of window numbers."""
        loss = self.loss(*self.example(self.windows, index))
        self.log("loss", loss, prog_bar=True, logger=False)
        return loss

    def validation_step(self, index, _):
        """Loss of validation windows."""
        loss = self.loss(*self.example(self.validation, index))
        self.log(
            "validation", loss, prog_bar=True, logger=False, batch_size=len(index), sync_dist=True
        )

    def example(self, windows, index):
        """What a loss takes: windows and targets of some numbers."""
        count = len(windows)
        window, target = windows.take(index % count)
        backwards = (index >= count)[:, None, None, None]
        mirrored, before = reverse_time(window, target)
        window = torch.where(backwards, mirrored, window)
        return window, torch.where(backwards[:, 0], before, target)

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


class PositionTask(JumpTask):
    r"""Fit positions: :math:`\sum_i |\hat x_i - x_i|^2 / s_i`.

    Each atom counts relative to :math:`s_i`, what the model leaves of it before training: least
    squares leaves hundred times more of a hydrogen than of a carbon. A model that superposes its
    windows is compared after superposing, without the rigid motion that it adds.
    """

    def _measure(self, window, target):
        error = torch.cat([
            self._deviation(w, t).square().mean(-1)
            for w, t in zip(window.split(_BLOCK), target.split(_BLOCK), strict=True)
        ])  # fmt: skip
        self.register_buffer("scale", error.mean(0).clamp_min(1e-12))

    def _deviation(self, window, target):
        model, last = self.model, window[:, -1]
        if not model.superposed:
            return model(window)[:, 0] - target
        return model.inner_jump(window) - superpose(target, last, model.context.masses.to(last))

    def loss(self, window, target):
        """Mean over atoms of the square deviation, relative to that before training."""
        return (self._deviation(window, target).square().mean(-1) / self.scale).mean()


class TorsionTask(JumpTask):
    r"""Fit the increments of the rotatable bonds: on the circle, and by where they put the atoms.

    The loss has two terms, each relative to what the last frame as the prediction would give:
    :math:`\sum_b (1 - \cos(\hat{Δq}_b - Δq_b))`, in which every bond counts the same, and the mean
    square distance of the moved atoms from the next frame, superposed on the last, in which a bond
    counts by what it moves. The latter keeps the ends of a chain in place, where bond angles change
    too and the true increments alone would swing them. The model needs a method ``increments``.
    """

    def _measure(self, window, target):
        last, target = window[:, -1], self._superposed(window, target)
        angles = self._true_increments(last, target)
        self.register_buffer("angle_scale", (1 - torch.cos(angles)).mean(0).clamp_min(1e-6))
        self.register_buffer("position_scale", (target - last).square().mean().clamp_min(1e-6))

    def loss(self, window, target):
        """Both terms, averaged over bonds and over atoms."""
        body, last = self.model.context.body, window[:, -1]
        angles, predicted = self._true_increments(last, target), self.model.increments(window)
        on_circle = ((1 - torch.cos(predicted - angles)) / self.angle_scale).mean()
        moved, _ = body.move(last, predicted)
        distance = (moved - self._superposed(window, target)).square().mean()
        return on_circle + distance / self.position_scale

    def _true_increments(self, last, target):
        body = self.model.context.body
        return body.torsions(target) - body.torsions(last)

    def _superposed(self, window, target):
        last = window[:, -1]
        return superpose(target, last, self.model.context.masses.to(last))
