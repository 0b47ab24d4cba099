"""The training loop: Lightning does the work."""

import gc
import os
import warnings
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from ..data import WindowBlocks, WindowSet
from ._averaging import Averaging
from ._best import KeepBest
from ._config import TrainingConfig
from ._logs import CHECKPOINT, draw_curve, loggers
from ._memory import parts_of, room
from ._order import WindowOrder
from ._progress import StepsBar
from ._proposal_task import ProposalTask
from ._record import Record
from ._stop_early import StopEarly
from ._tasks import PositionTask, TorsionTask, split

# Windows that least squares sees, and that validation looks at: more change nothing that counts.
# Of large molecules fewer, with that many atoms in all their frames: each costs more time.
_FITTED, _FITTED_ATOMS, _VALIDATED = 50_000, 20_000_000, 4_000


def train(
    model,
    windows: WindowSet,
    config: TrainingConfig | None = None,
    *,
    validation: WindowSet | None = None,
    fitted=False,
    accelerator="auto",
    progress=True,
    folder: Path | None = None,
    resume=False,
    callbacks=(),
    devices: int = 1,
    nodes: int = 1,
):
    """Train a model in place.

    The closed-form part is set by least squares first; a model that has nothing else is done then.
    Others are trained on torsions if they turn rotatable bonds, else on positions; those with a
    density by maximum likelihood. Windows are as long as the model's ``segment``: longer than its
    own if it predicts several frames.

    Parameters
    ----------
    model : TrajectoryModel
    windows : WindowSet
    config : TrainingConfig, optional
    validation : WindowSet, optional
        Windows from elsewhere. The weights that do best on them are kept, which may be those
        before training; without them, the last ones.
    fitted : bool
        Whether training starts from the model as it is, which has been trained before: nothing is
        then set by least squares.
    accelerator : str
        Lightning's: ``"auto"``, ``"cpu"``, ``"gpu"``.
    progress : bool
        Show a progress bar.
    folder : Path, optional
        Existing folder for a checkpoint at each validation, logs (a table, and what TensorBoard
        reads if it is installed) and the learning curve.
    resume : bool
        Go on from the checkpoint in the folder, if there is one, with the same model, windows and
        config: on the CPU the result is that of training that was never stopped.
    callbacks : sequence of lightning.Callback
        Those that look at a validation see the averaged weights.
    devices, nodes : int
        Processes on each machine, and machines; one process a GPU. They share each batch, so that
        the training is that of one process, but for rounding. Lightning starts the others of its
        machine by running the program again, or finds those that SLURM or torchrun has started.

    Returns
    -------
    TrajectoryModel
        The same model, on the CPU, in evaluation mode, with the averaged weights.

    Raises
    ------
    ValueError
        If a batch cannot be shared evenly, or training is to stop early and there are no validation
        windows to tell when.
    """
    config = config or TrainingConfig()
    if config.patience is not None and validation is None:
        raise ValueError(
            f"patience = {config.patience}: expected validation windows, which tell when to stop"
        )
    if config.batch_size % (devices * nodes):
        raise ValueError(
            f"batch_size {config.batch_size} cannot be shared by {devices * nodes} processes: take "
            f"a multiple of that"
        )
    device = _device_of(accelerator)
    # Whether it is fitted here or not: how much of a batch is gone through at a time depends on it.
    model.to(device)
    model.source = model.sha256 = None  # of no file any more
    if not fitted:
        _fit(model, windows, config, device)
    if not model.closed_form:
        kind = _task(model)
        if validation is not None:
            validation = validation.subset(_VALIDATED)
        task = kind(model.train(), windows, config, validation)
        share = config.batch_size // (devices * nodes)
        window, most = task.bytes_of_window(), room(device)
        parts = parts_of(share, window, most)
        # No gradients: more windows at a time take no more memory.
        checks = _validation_numbers(task, min(4 * share, int(most // max(1, window)) + 1))
        resume = folder is not None and resume and (folder / CHECKPOINT).is_file()
        best = KeepBest(*checks)
        trainer = lightning.Trainer(
            max_steps=config.steps, accelerator=accelerator, devices=devices, num_nodes=nodes,
            # What a loss does not depend on, such as rigid motion, has no gradient.
            strategy="auto" if devices * nodes == 1 else "ddp_find_unused_parameters_true",
            use_distributed_sampler=False,
            gradient_clip_val=config.gradient_clip, accumulate_grad_batches=parts,
            enable_progress_bar=progress,
            callbacks=[best, *callbacks, *_callbacks(config, folder, progress)],
            num_sanity_val_steps=0, log_every_n_steps=1,
            # The last steps, fewer than those between two validations, are validated too.
            reload_dataloaders_every_n_epochs=1,
            logger=False if folder is None else loggers(folder, resume),
            enable_checkpointing=folder is not None, enable_model_summary=False,
        )  # fmt: skip
        loaders = [_training_numbers(task, trainer, share // parts), *checks]
        fit_with(trainer, task, loaders, folder / CHECKPOINT if resume else None)
        best.restore(model)
        if folder is not None and trainer.is_global_zero:
            draw_curve(folder)
        # Reference cycles, which hold the windows, on a GPU maybe, until they are collected.
        del task, trainer, loaders, best
        gc.collect()
    return model.cpu().eval()


def _callbacks(config, folder, progress):
    # Buffers are atom indices and masses: averaging rounds indices down to other atoms.
    found = [Averaging(config.average_decay)]
    if config.patience is not None:
        found.append(StopEarly(config.patience))
    if progress:
        found.append(StepsBar())
    if folder is not None:
        # One file, which the next replaces in one go
        name = CHECKPOINT.removesuffix(ModelCheckpoint.FILE_EXTENSION)
        found.append(
            ModelCheckpoint(
                folder, name, save_on_train_epoch_end=True, enable_version_counter=False
            )
        )
        found.append(Record())
    return found


def fit_with(trainer, task, loaders, checkpoint: Path | None = None) -> None:
    """Let a trainer fit a task, from a checkpoint if there is one; Ctrl-C is what it is."""
    with warnings.catch_warnings():
        # Numbers need no worker processes. The folder is where checkpoints are meant to be.
        for message in (".*does not have many workers.*", ".*exists and is not empty.*"):
            warnings.filterwarnings("ignore", message=message)
        try:
            # Lightning draws from torch's random numbers and leaves gradients on.
            with torch.random.fork_rng(devices=[]), torch.enable_grad():
                trainer.fit(task, *loaders, ckpt_path=checkpoint, weights_only=True)
        except SystemExit as stop:
            # what Lightning makes of Ctrl-C
            if isinstance(stop.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from stop
            raise


def _task(model):
    if model.has_density:
        return ProposalTask
    return TorsionTask if model.trained_on_torsions else PositionTask


def _device_of(accelerator):
    on_gpu = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    # Each process its own
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if on_gpu else "cpu"


@torch.no_grad()
def _fit(model, windows, config, device):
    fitted = windows.subset(windows.at_most(_FITTED, _FITTED_ATOMS))
    blocks = WindowBlocks.of_set(
        fitted, backwards=config.time_reversal, device=device, split=_split_for(model)
    )
    model.fit(blocks)


def _split_for(model):
    """What least squares takes stretches of frames apart by."""
    if model.has_density:
        # Whenever it draws for, the last frames are among those to come.
        return None

    def parts(stretches):
        window, following = split(stretches, model)
        return window, following if model.at_once else following[:, 0]

    return parts


def _training_numbers(task, trainer, size):
    # Only numbers of windows are loaded: the frames stay on the device that trains.
    config = task.config
    directions = 2 if config.time_reversal else 1
    numbers = range(len(task.windows) * task.variants * directions)
    order = WindowOrder(len(numbers), config, trainer)
    return DataLoader(numbers, batch_size=size, sampler=order)


def _validation_numbers(task, size):
    """One loader or none; each process validates on all, and comes to the same."""
    if task.validation is None:
        return []
    return [DataLoader(range(len(task.validation) * task.variants), batch_size=size)]
