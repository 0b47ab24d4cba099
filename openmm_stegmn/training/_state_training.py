"""Training of state networks: what they minimise, and the published way to do it."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass

import lightning
import torch

from ..models.networks import StateNetwork
from ._averaging import Averaging
from ._best import KeepBest
from ._graphed_loss import GraphedLoss
from ._loop import fit_with
from ._optimizers import one_cycle
from ._state_windows import StateWindows
from ._stop_early import StopEarly


@dataclass(frozen=True)
class StateTrainingConfig:
    """Hyper-parameters of the training of a state network."""

    epochs: int = 5000
    """At most."""
    batch_size: int = 100
    """Windows in a batch; what is left of an epoch is left out."""
    learning_rate: float = 1e-4
    """Of Adam."""
    weight_decay: float = 1e-8
    """Of Adam: an L2 penalty."""
    gradient_clip: float | None = None
    """Largest norm of gradients; None: any."""
    halve_every: int | None = None
    """Epochs after which the learning rate is halved, again and again; None: never."""
    one_cycle: bool = False
    """Whether the learning rate is the peak of a one-cycle schedule over all epochs."""
    average_decay: float | None = None
    """Decay of the exponential moving average of the weights that is kept; None: no average."""
    fused: bool = False
    """Whether kernels are fused first, on a GPU: half a minute to begin with, then faster."""
    auxiliary: float = 1.0
    """Weight of an auxiliary loss, of networks that have one."""
    validate_every: int = 5
    """Epochs between two looks at the validation windows."""
    patience: int | None = 50
    """Validations in a row without a lower loss after which training stops; None: never."""
    seed: int = 0
    """Of the order of windows. Initial weights come from torch's seed when the network is built."""

    def __post_init__(self):
        for name in ("epochs", "batch_size", "learning_rate", "validate_every"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.gradient_clip is not None and not self.gradient_clip > 0:
            raise ValueError(f"gradient_clip must be positive, got {self.gradient_clip}")
        for name in ("halve_every", "patience"):
            value = getattr(self, name)
            if value is not None and not value >= 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.one_cycle and self.halve_every is not None:
            raise ValueError(
                f"halve_every = {self.halve_every}: a one-cycle schedule has its own learning rates"
            )
        if self.average_decay is not None and not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay must be in [0, 1), got {self.average_decay}")


class StateTask(lightning.LightningModule):
    """Fit frames: the mean of their square deviations.

    A network that gives one frame is fitted to the last of the windows' frames. Weights are chosen
    by the error of the last frame.

    Parameters
    ----------
    model : StateNetwork
    windows, validation : StateWindows
    config : StateTrainingConfig
    """

    def __init__(
        self, model: StateNetwork, windows: StateWindows, validation: StateWindows,
        config: StateTrainingConfig,
    ):  # fmt: skip
        super().__init__()
        self.model, self.config = model, config
        self.windows, self.validation = windows, validation
        self.training_loss = GraphedLoss(model, self._loss_of_all, config.fused)

    def on_fit_start(self):
        """Move the frames to where the network is."""
        self.windows, self.validation = (
            windows.to(self.device) for windows in (self.windows, self.validation)
        )

    def example(self, windows, index):
        """What a loss takes: states and frames of some numbers."""
        return windows.take(index)

    def loss(self, states, following):
        """Mean square deviation of the last frame."""
        frames, _ = self.model(*states)
        return (frames[:, -1] - following[:, -1]).square().mean()

    def training_step(self, index, _):
        """Mean square deviation of all frames, and what the network adds."""
        return self.training_loss(index)

    def _loss_of_all(self, index):
        states, following = self.windows.take(index)
        frames, _ = self.model(*states)
        loss = (frames - following[:, -frames.shape[1] :]).square().mean()
        auxiliary = self.model.take_auxiliary_loss()
        return loss if auxiliary is None else loss + self.config.auxiliary * auxiliary

    def validation_step(self, index, _):
        """Loss of validation windows."""
        loss = self.loss(*self.example(self.validation, index))
        self.log("validation", loss, logger=False, batch_size=len(index))

    def configure_optimizers(self):
        """Adam, with a schedule of learning rates if asked for."""
        config = self.config
        optimizer = torch.optim.Adam(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay,
            fused=True,
        )  # fmt: skip
        if config.one_cycle:
            steps = self.trainer.estimated_stepping_batches
            schedule = one_cycle(optimizer, config.learning_rate, steps)
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": schedule, "interval": "step"},
            }
        if config.halve_every is None:
            return optimizer
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, config.halve_every, gamma=0.5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule}}


class Batches:
    """Numbers of windows in batches, on the device that trains.

    Parameters
    ----------
    count, batch_size : int
    device : str
    seed : int, optional
        Every epoch has an order of its own, and what is left of it is left out. None: in order,
        and all of them.
    """

    def __init__(self, count: int, batch_size: int, device: str, seed: int | None = None):
        self.count, self.size, self.device = count, min(batch_size, count), device
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __len__(self):
        return self.count // self.size if self.generator else -(-self.count // self.size)

    def __iter__(self) -> Iterator[torch.Tensor]:
        if self.generator is None:
            return iter(torch.arange(self.count, device=self.device).split(self.size))
        order = torch.randperm(self.count, generator=self.generator).to(self.device)
        return iter(order.split(self.size)[: len(self)])


def train_states(
    model: StateNetwork, windows: StateWindows, validation: StateWindows,
    config: StateTrainingConfig | None = None, *, device: str = "cpu",
) -> tuple[int, float | None]:  # fmt: skip
    """Train a state network in place; it has the weights that do best on the validation windows.

    Parameters
    ----------
    model : StateNetwork
    windows, validation : StateWindows
    config : StateTrainingConfig, optional
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    epochs : int
        That were trained: none of a network that least squares gives.
    validation : float or None
        Mean square deviation of the last frame in the validation windows; None without training.
    """
    config = config or StateTrainingConfig()
    if model.closed_form or model.begins_fitted:
        model.fit(*windows.motion(torch.arange(len(windows))))
    if model.closed_form:
        model.eval()
        return 0, None
    task = StateTask(model.train(), windows, validation, config)
    checks = Batches(len(validation), validation.evaluation_batch(config.batch_size), device)
    order = Batches(len(windows), config.batch_size, device, config.seed)
    best = KeepBest(checks)
    callbacks = [best]
    if config.average_decay is not None:
        callbacks.append(Averaging(config.average_decay))
    if config.patience is not None:
        callbacks.append(StopEarly(config.patience))
    trainer = lightning.Trainer(
        max_epochs=config.epochs, accelerator="gpu" if device == "cuda" else "cpu", devices=1,
        check_val_every_n_epoch=min(config.validate_every, config.epochs), callbacks=callbacks,
        gradient_clip_val=config.gradient_clip, num_sanity_val_steps=0, logger=False,
        enable_checkpointing=False, enable_model_summary=False, enable_progress_bar=False,
    )  # fmt: skip
    fit_with(trainer, task, [order, checks])
    best.restore(model)
    model.cpu().eval()
    found = trainer.current_epoch, best.loss
    # Reference cycles, which hold the windows, on a GPU maybe, until they are collected.
    del task, trainer, callbacks, best
    gc.collect()
    return found
