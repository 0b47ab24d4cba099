"""Plain dynamics for the benchmark ``sampling``: to train on, and to compare with."""

import functools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openmm
import torch

from ..data import read_archive, simulate_replica, steps_between
from ..systems import DEFAULT_FORCEFIELDS, choose_platform
from ..units import to_angstrom, to_nm
from ._array_files import make_files, write_arrays
from ._backbone import Backbone, turn_phi
from ._sampling_molecules import (
    FRAME_INTERVAL,
    SAMPLING_MOLECULES,
    TEMPERATURE,
    sampled_system,
    untrained_model,
)
from ._sampling_runs import TorsionReader

_TURNED = math.pi / 3
_EQUILIBRATION = 100.0
_OPTIONS = {"time_step": 0.002, "temperature": TEMPERATURE, "friction": 1.0}
# Seeds of training replicas follow those of any reference.
_FIRST_TRAINING_SEED = 1_000_000


def training_replicas(
    folder, molecule: str, nanoseconds: float, processes: int = 1,
    progress: Callable[[str, int, int], None] | None = None, *, platform: str | None = None,
) -> list[Path]:  # fmt: skip
    """Files of replicas of a nanosecond or less; two more to measure on; made where they lack.

    Parameters
    ----------
    folder : path-like
    molecule : str
        Of :data:`SAMPLING_MOLECULES`.
    nanoseconds : float
        To train on, rounded to whole replicas; the last two files are not.
    processes : int
    progress : callable, optional
    platform : str, optional
        Of OpenMM, for what is made; by default the quickest on one core. On a GPU platform
        processes have the visible devices in turn.

    Raises
    ------
    ValueError
        If a file cannot be read or was made with other settings.
    """
    length = SAMPLING_MOLECULES[molecule].replica_ns
    paths = training_files(folder, molecule, nanoseconds)
    shared = _shared(molecule, round(1000 * length / FRAME_INTERVAL))
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    files = {
        path: shared
        | {"seed": _FIRST_TRAINING_SEED + number, "turned": _is_turned(molecule, number)}
        for number, path in enumerate((*paths[-2:], *paths[:-2]))
    }
    make = functools.partial(_make_training, molecule, _platform(molecule, platform))
    make_files(f"{molecule}: training", files, make, processes, progress)
    return paths


def training_files(folder, molecule: str, nanoseconds: float) -> list[Path]:
    """Files of :func:`training_replicas`, there or not."""
    count = max(1, round(nanoseconds / SAMPLING_MOLECULES[molecule].replica_ns))
    # The two to measure on have the first numbers, so that more replicas leave the files as they
    # are.
    first, second, *others = (
        Path(folder) / molecule / f"training-{number:03d}.npz" for number in range(count + 2)
    )
    return [*others, first, second]


def read_frames(paths) -> list[torch.Tensor]:
    """Frames ``(n_frames, n_atoms, 3)``, Å, of the files of :func:`training_replicas`."""
    return [torch.from_numpy(np.load(path)["frames"]) for path in paths]


def reference_torsions(
    folder, molecule: str, nanoseconds: float, replicas: int, processes: int = 1,
    progress: Callable[[str, int, int], None] | None = None, *, platform: str | None = None,
) -> list[np.ndarray]:  # fmt: skip
    """Torsions of each replica of the reference, made where they are not there.

    Parameters and errors are those of :func:`training_replicas`; the nanoseconds are shared by the
    replicas.
    """
    folder = _folder(folder, molecule)
    shared = _shared(molecule, round(1000 * nanoseconds / replicas / FRAME_INTERVAL))
    files = {
        folder / f"reference-{number:03d}.npz": shared | {"seed": number + 1}
        for number in range(replicas)
    }
    make = functools.partial(_make_reference, molecule, _platform(molecule, platform))
    make_files(f"{molecule}: reference", files, make, processes, progress)
    return [read_archive(path, about, ("torsions",))[0] for path, about in files.items()]


def reference_angles(
    folder, molecule: str, nanoseconds: float, replicas: int, processes: int = 1,
    progress: Callable[[str, int, int], None] | None = None, *, platform: str | None = None,
) -> list[np.ndarray]:  # fmt: skip
    """φ and ψ of each replica of the reference, rad, ``(n_frames, 2 n_residues)`` by turns.

    Parameters and errors are those of :func:`reference_torsions`.
    """
    found = reference_torsions(
        folder, molecule, nanoseconds, replicas, processes, progress, platform=platform
    )
    reader = TorsionReader(untrained_model(sampled_system(molecule), None))
    both = (np.stack(reader.backbone(torsions), -1) for torsions in found)
    return [angles.reshape(len(angles), -1) for angles in both]


def _folder(folder, molecule):
    folder = Path(folder) / molecule
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _shared(molecule, n_frames):
    return {
        "molecule": molecule, "force_field": list(DEFAULT_FORCEFIELDS),
        "frame_interval": FRAME_INTERVAL, "n_frames": n_frames, "temperature": TEMPERATURE,
        "equilibration": _EQUILIBRATION,
    }  # fmt: skip


def _is_turned(molecule, number):
    share = SAMPLING_MOLECULES[molecule].turned
    return number >= 2 and math.floor((number + 1) * share) > math.floor(number * share)


def _platform(molecule, name):
    """Name of the platform, which is there: asked for before any process starts."""
    return choose_platform(name or SAMPLING_MOLECULES[molecule].platform).getName()


def _make_training(molecule, platform, job):
    path, settings = job
    system = sampled_system(molecule)
    positions = system.positions
    if settings["turned"]:
        positions = _turned(system, settings["seed"])
    frames = _simulate(system, positions, settings, platform, path)
    write_arrays(path, settings, platform, frames=frames)


def _make_reference(molecule, platform, job):
    path, settings = job
    system = sampled_system(molecule)
    frames = _simulate(system, system.positions, settings, platform, path)
    reader = TorsionReader(untrained_model(system, None))
    write_arrays(path, settings, platform, torsions=reader(frames))


def _simulate(system, positions, settings, platform, path):
    steps = steps_between(settings["frame_interval"], _OPTIONS["time_step"])
    frames, _ = simulate_replica(
        openmm.XmlSerializer.serialize(system.system), positions, settings["n_frames"], steps,
        settings["seed"], equilibration=settings["equilibration"], platform=platform,
        unfinished=path.with_suffix(".unfinished.npz"), **_OPTIONS,
    )  # fmt: skip
    return frames


def _turned(system, seed):
    """Positions, nm, with φ of a residue at +60°, a basin that dynamics hardly ever finds."""
    model = untrained_model(system, None)
    residue = seed % len(Backbone.of(model.spec).phi)
    frame = torch.from_numpy(to_angstrom(system.positions))
    return to_nm(turn_phi(model, frame, residue, _TURNED).numpy())
