"""One record of a benchmark of states: a network, trained and measured."""

import math
import time
from dataclasses import asdict, dataclass

import torch

from ..models.networks import StateNetwork
from ..training import StateWindows, choose_device, train_states
from ._records import Record
from ._state_models import PROTOCOLS, STATE_MODELS, network_options, state_training
from ._state_settings import StateSettings
from ._state_sources import StateSource


@dataclass(frozen=True)
class StateErrors:
    """Mean square deviations of predicted frames, over windows, particles and x, y, z."""

    final: float
    """Of the last frame: F-MSE."""
    mean: float | None
    """Of all frames: A-MSE; None of networks that give the last frame only."""
    absolute: float
    """Mean absolute deviation of the last frame."""
    by_frame: list
    """Of each."""


@torch.no_grad()
def measure_states(
    model: StateNetwork, windows: StateWindows, device="cpu", batch_size: int = 400, **decoding
) -> StateErrors:
    """Compare the frames that a network predicts with those that followed.

    Parameters
    ----------
    model : StateNetwork
    windows : StateWindows
    device : str
    batch_size : int
    **decoding
        Of the network's ``forward``.
    """
    model, windows = model.to(device).eval(), windows.to(device)
    squares, absolute = [], []
    for index in torch.arange(len(windows), device=device).split(batch_size):
        states, following = windows.take(index)
        frames, _ = model(*states, **decoding)
        deviation = (frames - following[:, -frames.shape[1] :]).double()
        squares.append(deviation.square().sum((0, 2, 3)))
        absolute.append(deviation[:, -1].abs().sum())
    model.cpu()
    count = len(windows) * deviation.shape[2] * 3
    by_frame = (torch.stack(squares).sum(0) / count).tolist()
    mean = sum(by_frame) / len(by_frame) if len(by_frame) == windows.horizon else None
    return StateErrors(by_frame[-1], mean, (sum(absolute) / count).item(), by_frame)


@dataclass(frozen=True)
class StateJob:
    """One record to be made."""

    source: StateSource
    model: str
    seed: int
    settings: StateSettings

    @property
    def key(self):
        source = self.source
        return (
            source.benchmark, source.label, source.molecule, self.model, self.seed, "all",
            source.training,
        )  # fmt: skip

    @property
    def identity(self):
        """What decides the numbers beside the key."""
        return self._data().identity | {
            "frames": self.frames,
            "network": STATE_MODELS[self.model].network,
            "config": network_options(self.source, self.model, self.frames),
            "decode": self._decoded(),
            # least squares has none
            "training": None if STATE_MODELS[self.model].cls.closed_form else asdict(self.training),
        }

    @property
    def title(self):
        return f"{self.source.benchmark}, {self.source.molecule}, {self.model}, seed {self.seed}"

    @property
    def frames(self) -> int:
        """P."""
        return self.settings.frames or PROTOCOLS[self.source.benchmark].frames

    @property
    def training(self):
        """How the network is trained."""
        return state_training(
            self.source.benchmark, self.model, self.seed, **self.settings.training
        )

    def check(self):
        """Raise ValueError if there are too few windows or they do not suit the network."""
        if self.seed == 0:
            try:
                for count in self._decoded():
                    self.source.steps_ahead(count)
                with torch.random.fork_rng(devices=[]):
                    self.build(self.windows())
            except ValueError as error:
                raise ValueError(f"{self.model} for {self.source.benchmark}: {error}") from error

    def run(self) -> Record:
        device, windows = choose_device(self.settings.device), self.windows()
        start = time.perf_counter()
        # A seed gives the same network whatever was trained before, and leaves no trace.
        with torch.random.fork_rng(devices=[0] if device == "cuda" else []):
            torch.manual_seed(self.seed)
            model = self.build(windows)
            epochs, validation = train_states(
                model, windows["training"], windows["validation"], self.training, device=device
            )
        seconds, test = time.perf_counter() - start, windows["test"]
        batch_size = test.evaluation_batch(self.training.batch_size)
        errors = measure_states(model, test, device, batch_size)
        if validation is None:
            validation = measure_states(model, windows["validation"], device, batch_size).final
        measured = [*errors.by_frame, validation]
        details = {
            "a_mse": errors.mean, "by_frame": errors.by_frame, "epochs": epochs,
            "validation": validation, "device": device,
            "parameters": sum(p.numel() for p in model.parameters()),
        }  # fmt: skip
        for count in self._decoded():
            ahead = self.source.steps_ahead(count, STATE_MODELS[self.model].discretisation)
            other = measure_states(model, test.looking(ahead), device, batch_size, frames=count)
            details.setdefault("decoded", {})[str(count)] = asdict(other)
            measured += other.by_frame
        if not all(map(math.isfinite, measured)):
            raise RuntimeError(f"{self.title}: predicted positions are not finite")
        return Record(*self.key, errors.final, errors.absolute, seconds, self.identity, details)

    def windows(self) -> dict[str, StateWindows]:
        """What it is trained and measured on."""
        model, source = STATE_MODELS[self.model], self._data()
        ahead = source.steps_ahead(self.frames, model.discretisation)
        past = source.steps_back(self.frames, self.frames) if model.trajectory else (0,)
        return source.windows(self.seed, past, ahead)

    def build(self, windows) -> StateNetwork:
        """The untrained network."""
        surroundings = windows["training"].surroundings
        options = network_options(self.source, self.model, self.frames)
        n_particles = windows["training"].frames.shape[1]
        return STATE_MODELS[self.model].build(surroundings, n_particles, options)

    def _data(self):
        source = self.source
        return source.from_every_start() if STATE_MODELS[self.model].every_start else source

    def _decoded(self):
        model = STATE_MODELS[self.model]
        # of a trajectory, states and frames would not be as far apart any more
        decodes = model.network in ("egno", "eghno") and not model.trajectory
        return list(self.settings.decode) if decodes else []
