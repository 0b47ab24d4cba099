"""Ways to run a network: what predicts, and what trains."""

import copy
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext

import lightning
import torch
from torch import Tensor, nn

from ..captured_call import WARM_UP, CapturedCall
from ..fused_kernels import fuse
from ..training import PositionTask, TorsionTask, TrainingConfig, train
from ._speed_machine import products_in
from ._speed_timing import Timing, wait_for

#: Precisions of inference: autocast to bfloat16 as PyTorch does it.
PRECISIONS = ("float32", "tf32", "bfloat16")


class NextFrame(nn.Module):
    """The next frame of windows, as a propagator asks for it: the base in double precision."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, window: Tensor, base: Tensor) -> Tensor:
        """``(B, n_atoms, 3)`` from windows ``(B, T, n_atoms, 3)`` and their last frames."""
        return self.model.jump(window, base)[0]


def inference(model, windows: Tensor, mode: str, precision: str = "float32") -> Callable:
    """A function without arguments that predicts the frames after some windows.

    Parameters
    ----------
    model : TrajectoryModel
        On the device of the windows; copied.
    windows : Tensor, ``(B, T, n_atoms, 3)``
    mode : str
        ``"eager"``; ``"script"``: traced and frozen, as ``TorchForce`` runs it; ``"graph"``: a CUDA
        graph with the copying of its input; ``"compile"``: ``torch.compile``.
    precision : str
        Of :data:`PRECISIONS`.
    """
    network = NextFrame(copy.deepcopy(model)).eval().requires_grad_(False)
    inputs = (windows.contiguous(), windows[:, -1].double())
    with torch.no_grad(), _precision(precision, windows.device.type):
        call = _MODES[mode](network, inputs)

    def run():
        with torch.no_grad(), _precision(precision, windows.device.type):
            return call(*inputs)

    return run


def _precision(name, device):
    if name == "bfloat16":
        return torch.autocast(device, torch.bfloat16)
    return products_in(name) if name == "tf32" else nullcontext()


def _eager(network, inputs):
    return network


def _script(network, inputs):
    with warnings.catch_warnings():
        # TorchScript is deprecated, but it is what a TorchForce takes. The shapes that a trace
        # takes for constants are constant here.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        return torch.jit.freeze(torch.jit.trace(network, inputs, check_trace=False))


def _compile(network, inputs):
    # on a GPU with a graph around what is compiled
    mode = "reduce-overhead" if inputs[0].is_cuda else "default"
    call = fuse(network, mode)
    try:
        call(*inputs)
    except Exception as error:  # from the compiler that it calls, nearly anything
        raise RuntimeError(f"torch.compile: {error}") from error
    return call


def _graph(network, inputs):
    call = CapturedCall(network, inputs[0].device)
    call.capture(*inputs)
    return call


_MODES = {"eager": _eager, "script": _script, "graph": _graph, "compile": _compile}


def training_task(model, windows, batch: int):
    """A task as :func:`~openmm_stegmn.training.train` makes it, for a loop of one's own."""
    kind = TorsionTask if model.trained_on_torsions else PositionTask
    return kind(model.train(), windows, TrainingConfig(batch_size=batch))


def training_step(model, windows, batch: int) -> Callable:
    """A function that makes one step of the optimiser, with nothing around it.

    Loss of a task, gradients, their clipping, and AdamW.

    Parameters
    ----------
    model : TrajectoryModel
    windows : WindowSet
        On the device of the model.
    batch : int
    """
    task = training_task(model, windows, batch)
    task.to(model.context.masses.device)
    optimizer = task.configure_optimizers()["optimizer"]
    index = torch.arange(batch, device=model.context.masses.device)

    def step():
        optimizer.zero_grad()
        task.loss(*task.example(windows, index)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), task.config.gradient_clip)
        optimizer.step()

    return step


def time_training(
    model, windows, batch: int, device: str, repeats: int, seconds: float
) -> tuple[Timing, int]:
    """Time steps of :func:`~openmm_stegmn.training.train`, everything in them included.

    Parameters
    ----------
    model : TrajectoryModel
    windows : WindowSet
        On the CPU.
    batch : int
    device : str
    repeats : int
        Steps on a CPU. On a GPU, which may lag behind, ten steps are a repeat.
    seconds : float
        Training ends after this.

    Returns
    -------
    timing : Timing
        Of a step.
    parts : int
        That a batch is gone through in.
    """
    watch = _StepTimes(device, repeats, seconds)
    train_for(watch.most, model, windows, batch, device, fitted=True, callbacks=[watch])
    return Timing.of(watch.times), watch.parts


def train_for(steps: int, model, windows, batch: int, device: str, **options):
    """Train without validation; see :func:`~openmm_stegmn.training.train`."""
    config = TrainingConfig(
        steps=steps, batch_size=batch, validate_every=steps, time_reversal=False
    )  # fmt: skip
    with warnings.catch_warnings():
        # Lightning's, of a task that could validate: here only steps are wanted
        warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
        accelerator = "gpu" if device == "cuda" else "cpu"
        return train(model, windows, config, accelerator=accelerator, progress=False, **options)


class _StepTimes(lightning.Callback):
    """Times of a step, s: each that of some in a row, after warming up."""

    def __init__(self, device, repeats, seconds):
        self.device, self.seconds = device, seconds
        self.block = 10 if device == "cuda" else 1
        self.first = WARM_UP * self.block
        self.most = self.first + repeats * self.block
        self.times, self.begin, self.last, self.done = [], None, None, 0

    def on_train_start(self, trainer, module):
        """Remember how a batch is shared."""
        self.parts = trainer.accumulate_grad_batches

    def on_train_batch_end(self, trainer, module, *_):
        """Note the time of a block of steps, and end when there were enough."""
        done = trainer.global_step
        if done < self.first or done - self.done < self.block:
            return
        wait_for(self.device)
        now = time.perf_counter()
        if self.last is None:
            self.begin = now
        else:
            self.times.append((now - self.last) / (done - self.done))
        self.last, self.done = now, done
        if self.times and now - self.begin > self.seconds:
            trainer.should_stop = True
