"""Trajectories for the benchmark ``peptides``: replicas, and repeats for the noise floor.

Each is a file of its own, written when it is done: interrupted, the same call makes the others.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openmm
import torch
from torch import Tensor

from ..data import read_archive, steps_between
from ..systems import (
    DEFAULT_FORCEFIELDS,
    MolecularSystem,
    build_system,
    choose_platform,
    packaged_structure,
)
from ._array_files import make_files
from ._peptides_dynamics import make_repeats, make_replica

#: By name of the packaged structure: length of a replica (ps), and the quickest platform on one
#: core.
PEPTIDES = {"alanine-dipeptide": (2000.0, "Reference"), "chignolin": (500.0, "CPU")}

# Seeds of repeats follow those of any number of replicas that one might want.
_FIRST_REPEAT_SEED = 1_000_000
# Of a file's settings, those that the integrator is given.
_LANGEVIN = ("time_step", "temperature", "friction")


@dataclass(frozen=True)
class PeptideDynamics:
    """How the trajectories are made; ff14SB and OBC2, bonds to hydrogen constrained."""

    replicas: int = 32
    """A fifth of them are for test, a tenth for validation, at least one each."""
    length: float | None = None
    """Of each replica, ps; by default that in :data:`PEPTIDES`."""
    equilibration: float = 100.0
    """Of each replica before its first frame, ps."""
    frame_interval: float = 0.1
    """ps."""
    state_interval: float = 1.0
    """Between states that repeats can start from, ps."""
    states: int = 100
    """States of the test replicas that repeats start from."""
    repeats: int = 8
    """From each state, with fresh noise."""
    temperature: float = 300.0
    """K."""
    friction: float = 1.0
    """1/ps."""
    time_step: float = 0.002
    """ps."""

    def __post_init__(self):
        if not self.equilibration >= 0:
            raise ValueError(f"equilibration must not be negative, got {self.equilibration} ps")
        if self.length is not None and not self.length > 0:
            raise ValueError(f"length must be positive, got {self.length} ps")
        for name, least in (("replicas", 3), ("states", 2), ("repeats", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        steps_between(self.frame_interval, self.time_step)
        ratio = self.state_interval / self.frame_interval
        if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-6 * ratio:
            raise ValueError(
                f"states every {self.state_interval} ps are no multiple of the frame interval of "
                f"{self.frame_interval} ps"
            )

    @property
    def frames_between_states(self) -> int:
        """Recorded frames from one state to the next."""
        return steps_between(self.state_interval, self.frame_interval)

    def length_of(self, name: str) -> float:
        """Of a replica of one of :data:`PEPTIDES`, ps."""
        return PEPTIDES[name][0] if self.length is None else self.length

    def frames(self, name: str) -> int:
        """Of a replica of one of :data:`PEPTIDES`."""
        return round(self.length_of(name) / self.frame_interval)

    @property
    def split(self) -> dict[str, range]:
        """Numbers of the replicas, from 0, by what they are for."""
        test, validation = max(1, self.replicas // 5), max(1, self.replicas // 10)
        return {
            "test": range(test),
            "validation": range(test, test + validation),
            "training": range(test + validation, self.replicas),
        }


@dataclass(frozen=True)
class PeptideTrajectories:
    """What models are trained and measured on."""

    name: str
    molecule: MolecularSystem
    frames: dict[str, list[Tensor]]
    """Å, of each replica, under ``"training"``, ``"validation"`` and ``"test"``."""
    starts: Tensor
    """States that repeats start from, ``(n_states, n_atoms, 3)``, Å."""
    repeats: dict[float, Tensor]
    """By time in ps, ``(n_states, n_repeats, n_atoms, 3)``, Å."""
    metadata: dict
    """Settings that decide the frames, and a hash of those of the replicas."""


def peptide_system(name: str) -> MolecularSystem:
    """The packaged structure of one of :data:`PEPTIDES` in its force field."""
    return build_system(packaged_structure(name), DEFAULT_FORCEFIELDS)


def peptide_trajectories(
    folder, name: str, times, dynamics: PeptideDynamics | None = None, *, processes: int = 1,
    platform: str | None = None, progress: Callable[[str, int, int], None] | None = None,
) -> PeptideTrajectories:  # fmt: skip
    """Read the trajectories of a molecule, and make those that are not there.

    Parameters
    ----------
    folder : path-like
        Those of each molecule have a folder of their own in it.
    name : str
        Of :data:`PEPTIDES`.
    times : sequence of float
        After which repeats are compared, ps.
    dynamics : PeptideDynamics, optional
    processes : int
        Replicas at the same time.
    platform : str, optional
        OpenMM's; by default the quickest on one core.
    progress : callable, optional
        Called with what is made, files that are there, and files in all.

    Raises
    ------
    ValueError
        If a file that is there cannot be read or was made with other settings, there are fewer
        states than asked for, a time is no multiple of the time step, or there is no such platform.
    """
    dynamics = dynamics or PeptideDynamics()
    times = sorted(times)
    shared, replicas, repeats = _files(folder, name, dynamics)
    (Path(folder) / name).mkdir(parents=True, exist_ok=True)
    molecule = peptide_system(name)
    xml = openmm.XmlSerializer.serialize(molecule.system)
    platform = choose_platform(platform or PEPTIDES[name][1], molecule.system)
    options = {"platform": platform.getName(), **{key: shared[key] for key in _LANGEVIN}}
    every = dynamics.frames_between_states
    make_files(
        f"{name}: replicas", replicas,
        functools.partial(
            make_replica, xml, molecule.positions, dynamics.frames(name),
            steps_between(dynamics.frame_interval, dynamics.time_step), every,
            dynamics.equilibration, options,
        ),
        processes, progress,
    )  # fmt: skip
    make_files(
        f"{name}: repeats", repeats,
        functools.partial(make_repeats, xml, list(replicas), every, times, options),
        processes, progress,
    )  # fmt: skip
    return read_trajectories(folder, name, times, dynamics)


def read_trajectories(folder, name: str, times, dynamics: PeptideDynamics) -> PeptideTrajectories:
    """Read the trajectories of a molecule, all of which are there.

    Parameters and errors are those of :func:`peptide_trajectories`.
    """
    shared, replicas, repeats = _files(folder, name, dynamics)
    frames = [torch.from_numpy(read_archive(*each, ("frames",))[0]) for each in replicas.items()]
    starts, followed = _read_repeats(repeats, times)
    # Dynamics is chaotic: made elsewhere, the same settings give other frames.
    digest = hashlib.sha256(b"".join(each.numpy().tobytes() for each in frames)).hexdigest()
    return PeptideTrajectories(
        name, peptide_system(name),
        {part: [frames[number] for number in numbers] for part, numbers in dynamics.split.items()},
        starts, followed, {**shared, "replicas": dynamics.replicas, "sha256": digest},
    )  # fmt: skip


def _files(folder, name, dynamics):
    """Settings that all files of a molecule share, and settings by path of replicas and repeats."""
    folder, every = Path(folder) / name, dynamics.frames_between_states
    shared = {
        "molecule": name, "force_field": list(DEFAULT_FORCEFIELDS), "constraints": "HBonds",
        "length": dynamics.length_of(name), "equilibration": dynamics.equilibration,
        "frame_interval": dynamics.frame_interval, "state_interval": dynamics.state_interval,
        **{key: getattr(dynamics, key) for key in _LANGEVIN},
    }  # fmt: skip
    replicas = {
        folder / f"replica-{number:03d}.npz": {**shared, "seed": number + 1}
        for number in range(dynamics.replicas)
    }
    chosen = _choose_states(dynamics, len(range(0, dynamics.frames(name), every)))
    repeats = {
        folder / f"repeats-{index:03d}.npz": {
            **shared, "replica": replica, "frame": state * every, "repeats": dynamics.repeats,
            "seed": _FIRST_REPEAT_SEED + index,
        }
        for index, (replica, state) in enumerate(chosen)
    }  # fmt: skip
    return shared, replicas, repeats


def _choose_states(dynamics, per_replica):
    """Replica and number of each state that repeats start from, evenly over the test replicas."""
    available = [(r, s) for r in dynamics.split["test"] for s in range(per_replica)]
    if len(available) < dynamics.states:
        raise ValueError(
            f"the test replicas have {len(available)} states, {dynamics.state_interval:g} ps "
            f"apart, and {dynamics.states} are asked for: make replicas longer, or more of them"
        )
    places = np.linspace(0, len(available) - 1, dynamics.states).round().astype(int)
    return [available[place] for place in places]


def _read_repeats(files, times):
    """States, and by time the frames that followed."""
    starts, followed = [], {time: [] for time in times}
    for path, settings in files.items():
        start, found, frames = read_archive(path, settings, ("start", "times", "frames"))
        starts.append(torch.from_numpy(start))
        for time in times:
            if time not in found:
                raise ValueError(
                    f"{path} has repeats after {', '.join(f'{t:g}' for t in found)} ps and none "
                    f"after {time:g} ps; name another folder with --data, or remove the repeats"
                )
            followed[time].append(torch.from_numpy(frames[:, list(found).index(time)]))
    return torch.stack(starts), {time: torch.stack(each) for time, each in followed.items()}
