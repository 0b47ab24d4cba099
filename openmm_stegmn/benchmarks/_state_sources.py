"""Data of the benchmarks of state networks: where windows begin, and what is told of them."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ..data import ChargedParticleSettings, charged_particles, read_motion
from ..mechanics import disjoint_bonds
from ..training import StateWindows
from ._surroundings import ChargedSurroundings, JointSurroundings

#: Parts of the data.
PARTS = ("training", "validation", "test")


class StateSource(ABC):
    """Windows of a benchmark: the same for every network. It can be pickled."""

    #: Name of the benchmark.
    benchmark: str
    #: Frames from a state to the last one that is predicted.
    reach: int
    #: What made the data, and of what they are.
    label: str
    molecule: str
    #: Windows for training.
    training: int

    @property
    @abstractmethod
    def identity(self) -> dict:
        """What decides the numbers."""

    @abstractmethod
    def windows(self, seed: int, past: tuple, ahead: tuple) -> dict[str, StateWindows]:
        """Windows by part, with states and frames at these distances from the last state.

        Raises
        ------
        ValueError
            If there are fewer than asked for, or states before the first frame.
        """

    def from_every_start(self) -> "StateSource":
        """The same with training windows from every frame of the training data that has room.

        Raises
        ------
        ValueError
            If windows begin where others have set them to begin.
        """
        raise ValueError(f"{self.benchmark}: where training windows begin is part of the data")

    @property
    def constraints(self) -> tuple:
        """Disjoint pairs of particles at a fixed distance, of which networks may make use."""
        return ()

    def steps_ahead(self, frames: int, discretisation: str = "uniform") -> tuple:
        """Where P frames are: on the whole way, or the last ones.

        Raises
        ------
        ValueError
            If there are not so many.
        """
        if not 1 <= frames <= self.reach:
            raise ValueError(
                f"{frames} frames: {self.benchmark} looks {self.reach} frames ahead; take 1 to "
                f"{self.reach}"
            )
        if discretisation == "last":
            return tuple(range(self.reach - frames + 1, self.reach + 1))
        return tuple(self.reach * number // frames for number in range(1, frames + 1))

    def steps_back(self, states: int, frames: int) -> tuple:
        """Where T states are: as far apart as P frames on the whole way."""
        apart = self.reach // frames
        return tuple(-apart * number for number in reversed(range(states)))


@dataclass(frozen=True)
class NBodySource(StateSource):
    """Five charged particles, from frame 30 to frame 40."""

    folder: Path
    training: int = 3000
    validation: int = 2000
    test: int = 2000
    settings: ChargedParticleSettings = field(default_factory=ChargedParticleSettings)
    start: int = 30
    every_start: bool = False
    """Whether training windows begin at every frame up to that, which all others begin at."""

    benchmark, reach = "nbody", 10
    label, molecule = "Coulomb", "charged particles"

    def __post_init__(self):
        for part in PARTS:
            if getattr(self, part) < 1:
                raise ValueError(f"{part} must be at least 1, got {getattr(self, part)}")

    @property
    def identity(self):
        counts = {f"{part}_windows": getattr(self, part) for part in PARTS}
        identity = counts | {"start": self.start, "data": asdict(self.settings)}
        return identity | ({"every_start": True} if self.every_start else {})

    def from_every_start(self):
        return replace(self, every_start=True)

    def make(self, progress: Callable[[str, int, int], None] | None = None) -> None:
        """Simulate what is not there."""
        for part in PARTS:
            count = getattr(self, part)
            report = None if progress is None else lambda n, p=part, c=count: progress(p, n, c)
            charged_particles(self.folder, part, count, self.settings, report)

    def windows(self, seed, past, ahead):
        if self.start + past[0] < 0:
            raise ValueError(
                f"{len(past)} states before frame {self.start} reach back {-past[0]} frames"
            )
        return {part: self._part(part, past, ahead) for part in PARTS}

    def _part(self, part, past, ahead):
        made = _particles(self.folder, part, getattr(self, part), self.settings)
        frames, velocities = (
            torch.from_numpy(values).flatten(0, 1) for values in (made.positions, made.velocities)
        )
        every = self.every_start and part == "training"
        first = torch.arange(-past[0] if every else self.start, self.start + 1)
        starts = first[:, None] + self.settings.frames * torch.arange(len(made))
        charges = torch.from_numpy(made.charges).repeat(len(first), 1)
        starts, surroundings = starts.flatten(), ChargedSurroundings(charges)
        return windows_of(frames, velocities, starts, past, ahead, surroundings)


@dataclass(frozen=True)
class MotionSource(StateSource):
    """A skeleton that walks or runs, 30 frames ahead; velocities are differences of frames."""

    path: Path
    training: int = 200
    validation: int = 600
    test: int = 600

    benchmark, reach = "mocap", 30
    label = "motion capture"

    @property
    def molecule(self):
        return self.path.stem

    @property
    def identity(self):
        trials = _motion(self.path)
        digest = hashlib.sha256()
        # of the same type on all platforms
        for dtype, arrays in (
            ("<f4", trials.trials),
            ("<i8", [trials.edges, *(trials.starts[part] for part in PARTS)]),
        ):
            for array in arrays:
                array = np.asarray(array, dtype)
                digest.update(repr(array.shape).encode() + array.tobytes())
        counts = {f"{p}_windows": len(trials.first_starts(p, getattr(self, p))) for p in PARTS}
        return counts | {"data_sha256": digest.hexdigest()}

    @property
    def constraints(self):
        return tuple(disjoint_bonds(_motion(self.path).edges))

    def windows(self, seed, past, ahead):
        if len(past) > 1:
            raise ValueError("windows begin with the trials: only one state is known")
        trials = _motion(self.path)
        frames = torch.from_numpy(np.concatenate(trials.trials))
        begin = np.cumsum([0, *map(len, trials.trials)])
        surroundings = JointSurroundings(trials.edges, trials.n_joints)
        parts = {}
        for part in PARTS:
            rows = trials.first_starts(part, getattr(self, part))
            starts = torch.from_numpy(begin[rows[:, 0]] + rows[:, 1])
            parts[part] = windows_of(frames, differences(frames), starts, past, ahead, surroundings)
        return parts


def differences(frames: torch.Tensor) -> torch.Tensor:
    """What each frame is before the next, ``(n_frames, N, 3)``; of the last it is zero.

    Published data sets have these as velocities: a state knows the frame that follows it.
    """
    return torch.cat([frames.diff(dim=0), torch.zeros_like(frames[:1])])


def windows_of(frames, velocities, starts, past, ahead, surroundings) -> StateWindows:
    """Windows with states and frames at these distances, given as tuples."""
    return StateWindows(
        frames, velocities, starts, torch.tensor(past), torch.tensor(ahead), surroundings
    )


def forget_data() -> None:
    """Let go of files that were read: hundreds of MB, and they may be others next time."""
    _particles.cache_clear()
    _motion.cache_clear()


@lru_cache(maxsize=6)
def _particles(folder, part, count, settings):
    return charged_particles(folder, part, count, settings)


@lru_cache(maxsize=2)
def _motion(path):
    return read_motion(path)
