"""What training minimises: errors of torsions, or of positions."""

from abc import ABC, abstractmethod

import lightning
import torch
from torch import nn

from ..data import WindowSet
from ..mechanics import superpose
from ._config import TrainingConfig
from ._graphed_loss import GraphedLoss
from ._memory import bytes_of_window
from ._optimizers import one_cycle

# Windows that the scale of a loss is measured on, and how many at a time.
# Of large molecules fewer, with that many atoms in all their frames.
_SAMPLE, _SAMPLE_ATOMS, _BLOCK = 4_000, 10_000_000, 250


def split(stretches, model):
    """Windows of a model, and the frames after them that training fits.

    Parameters
    ----------
    stretches : Tensor, ``(n, frames, n_atoms, 3)``
        From :meth:`WindowSet.take_stretches`.
    model : TrajectoryModel

    Returns
    -------
    windows : Tensor, ``(n, T, n_atoms, 3)``
    following : Tensor, ``(n, trained_frames, n_atoms, 3)``

    Raises
    ------
    ValueError
        If there are not so many.
    """
    first, count = model.history, model.trained_frames
    if stretches.shape[1] < first + count:
        raise ValueError(
            f"windows of {stretches.shape[1] - 1} frames are shorter than what the model is "
            f"trained on, its own window of {first} and {count - 1} frames before the last that it "
            f"predicts: make them with history={model.segment}"
        )
    return stretches[:, :first], stretches[:, first : first + count]


class JumpTask(lightning.LightningModule, ABC):
    """Fit what follows windows, given by number: the next frame, or those that come at once.

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
        self.training_loss = self._whole_loss
        #: Of the last batch. Logging it takes as long as a step on a GPU.
        self.latest_loss = None
        device = model.context.masses.device
        with torch.no_grad():
            sample = windows.subset(windows.at_most(_SAMPLE, _SAMPLE_ATOMS))
            self._measure(sample.take_stretches(slice(None)).to(device))

    @property
    def variants(self) -> int:
        """Examples that each window gives in each direction of time."""
        return 1

    @abstractmethod
    def _measure(self, stretches):
        """Set the scales of the loss, from windows and what follows them ``(n, frames, N, 3)``."""

    @abstractmethod
    def loss(self, window, following):
        """Loss of windows ``(n, T, N, 3)`` and frames after them ``(n, P, N, 3)``."""

    def on_fit_start(self):
        """Move the frames to where the model is."""
        self.windows = self.windows.to(self.device)
        if self.validation is not None:
            self.validation = self.validation.to(self.device)

    def on_train_start(self):
        """Capture the loss, if a step is one evaluation: gradients of several do not add up."""
        if self.trainer.world_size == 1 and self.trainer.accumulate_grad_batches == 1:
            self.training_loss = GraphedLoss(self.model, self._whole_loss)

    def bytes_of_window(self) -> int:
        """What a window takes in training, for its gradients, on the device of the model."""
        device, state = self.model.context.masses.device, {}
        windows = self.windows.to(device)
        # A loss may draw random numbers.
        self.on_save_checkpoint(state)
        found = bytes_of_window(lambda index: self.loss(*self.example(windows, index.to(device))))
        self.on_load_checkpoint(state)
        return found

    def training_step(self, index, _):
        """Loss of one batch of window numbers."""
        loss = self.training_loss(*self.example(self.windows, index))
        self.latest_loss = loss.detach()
        return loss

    def _whole_loss(self, *example):
        loss, auxiliary = self.loss(*example), self.model.take_auxiliary_loss()
        return loss if auxiliary is None else loss + auxiliary

    def validation_step(self, index, _):
        """Loss of validation windows."""
        loss = self.loss(*self.example(self.validation, index))
        self.log(
            "validation", loss, prog_bar=True, logger=False, batch_size=len(index), sync_dist=True
        )

    def example(self, windows, index):
        """What a loss takes: windows and what follows them, of some numbers."""
        count = len(windows)
        stretches = windows.take_stretches(index % count)
        backwards = (index >= count)[:, None, None, None]
        return split(torch.where(backwards, stretches.flip(1), stretches), self.model)

    def configure_optimizers(self):
        """AdamW on a one-cycle schedule."""
        config = self.config
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay,
            fused=True,
        )  # fmt: skip
        schedule = one_cycle(optimizer, config.learning_rate, config.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class PositionTask(JumpTask):
    r"""Fit positions: :math:`\sum_i |\hat x_i - x_i|^2 / s_i`, averaged over the frames.

    Each atom counts relative to :math:`s_i`, what the model leaves of it before training: least
    squares leaves hundred times more of a hydrogen than of a carbon. A model that superposes its
    windows is compared after superposing, without the rigid motion that it adds.
    """

    def _measure(self, stretches):
        error = torch.cat([
            self._deviation(*split(block, self.model)).square().mean(-1)
            for block in stretches.split(_BLOCK)
        ])  # fmt: skip
        self.register_buffer("scale", error.mean((0, 1)).clamp_min(1e-12))

    def _deviation(self, window, following):
        model = self.model
        if model.superposed:
            predicted = model.inner_jump(window).reshape(following.shape)
            return predicted - _superposed(model, window, following)
        if model.at_once:
            return model(window) - following
        return model.jump(window, window[:, -1])[0].unsqueeze(1) - following

    def loss(self, window, following):
        """Mean over frames and atoms of the square deviation, relative to that before training."""
        return (self._deviation(window, following).square().mean(-1) / self.scale).mean()


class TorsionTask(JumpTask):
    r"""Fit the increments of the rotatable bonds: on the circle, and by where they put the atoms.

    The loss has two terms, each relative to what the last frame as the prediction would give:
    :math:`\sum_b (1 - \cos(\hat{Δq}_b - Δq_b))`, in which every bond counts the same, and the mean
    square distance of the moved atoms from the frame to come, superposed on the last, in which a
    bond counts by what it moves. The latter keeps the ends of a chain in place, where bond angles
    change too and the true increments alone would swing them. Both are averaged over the frames.
    The model needs a method ``increments``.
    """

    def _measure(self, stretches):
        window, following = split(stretches, self.model)
        last, target = window[:, -1:], _superposed(self.model, window, following)
        angles = self._true_increments(last, target)
        self.register_buffer("angle_scale", (1 - torch.cos(angles)).mean((0, 1)).clamp_min(1e-6))
        self.register_buffer("position_scale", (target - last).square().mean().clamp_min(1e-6))

    def loss(self, window, following):
        """Both terms, averaged over frames, bonds and atoms."""
        body, last = self.model.context.body, window[:, -1:]
        angles = self._true_increments(last, following)
        predicted = self.model.increments(window).reshape(angles.shape)
        on_circle = ((1 - torch.cos(predicted - angles)) / self.angle_scale).mean()
        moved, _ = body.move(last.expand_as(following), predicted)
        distance = (moved - _superposed(self.model, window, following)).square().mean()
        return on_circle + distance / self.position_scale

    def _true_increments(self, last, following):
        body = self.model.context.body
        return body.torsions(following) - body.torsions(last)


def _superposed(model, window, following):
    last = window[:, -1:]
    return superpose(following, last, model.context.masses.to(last))
