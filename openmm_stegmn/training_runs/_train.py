"""From trajectories to a trained model that says how good it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data import check_same_interval
from ..training import (
    FineTuneConfig,
    choose_device,
    fine_tune,
    is_first_process,
    record_provenance,
    train,
)
from ._baselines import fit_baselines
from ._folder import check_folder, open_folder
from ._measure import Measured, measure, some_frames
from ._plan import plan_training
from ._ratio import RatioToBaseline
from ._settings import TrainSettings

# Frames that a trajectory is told from others by, and how many are read at a time
_HASHED, _AT_A_TIME = 1_000, 50


@dataclass(frozen=True, kw_only=True)
class TrainResult(Measured):
    """A trained model, and what was measured on frames that it has not seen."""

    model: object
    """TrajectoryModel, on the CPU, with its provenance."""


def train_on(
    molecule, trajectories, settings: TrainSettings | None = None, *, progress=True, tuned=None,
    folder: str | Path | None = None, resume=False, overwrite=False,
) -> TrainResult | None:  # fmt: skip
    """Train a model of a molecule on trajectories, and measure it on a held-out part of them.

    Parameters
    ----------
    molecule : MolecularSystem
        From :func:`~openmm_stegmn.systems.build_system` or
        :func:`~openmm_stegmn.systems.load_system`.
    trajectories : sequence of Trajectory
        From :func:`~openmm_stegmn.data.read_trajectories` or
        :func:`~openmm_stegmn.data.frames_of`.
    settings : TrainSettings, optional
    progress : bool
        Show a progress bar of training.
    tuned : callable, optional
        Called in fine-tuning with steps done, steps in all, and acceptance.
    folder : path, optional
        Made for a checkpoint at each validation, logs and the learning curve.
    resume : bool
        Go on with the training in the folder, which must be of the same settings and data. On the
        CPU the model is the one that training without a stop gives.
    overwrite : bool
        Delete the training in the folder, and begin again.

    Returns
    -------
    TrainResult or None
        None in processes other than the first, if there are several.

    Raises
    ------
    ValueError
        Before anything is trained: see :func:`plan_training`; or if the folder is not empty, or
        holds the training of something else.

    Examples
    --------
    >>> molecule = build_system("top.pdb")
    >>> result = train_on(molecule, read_trajectories(["run1.xtc"], molecule.topology))
    >>> save_model(result.model, "mine.safetensors")
    """
    settings = TrainSettings() if settings is None else settings
    if folder is not None:
        folder = Path(folder)
        check_folder(folder, resume, overwrite)
    plan = plan_training(molecule, trajectories, settings)
    if folder is not None:
        open_folder(folder, _record(molecule, settings, plan, trajectories), resume, overwrite)
    device = choose_device(settings.device)
    windows, config, model = plan.windows, settings.training, plan.model
    fitted = {}
    if not model.has_density:
        fitted = fit_baselines(model, windows["training"], config, device)
    watched = bool(fitted) and not model.closed_form
    train(
        model, windows["training"], config, validation=windows["validation"],
        accelerator="gpu" if device == "cuda" else "cpu", progress=progress, folder=folder,
        resume=resume, fitted=plan.start is not None,
        # Not kept: a callback knows its trainer, and that all windows.
        callbacks=[RatioToBaseline(model, fitted, windows["validation"])] if watched else [],
        devices=settings.devices, nodes=settings.nodes,
    )  # fmt: skip
    if not is_first_process():
        return None
    if settings.fine_tune is not None:
        fine_tune(
            model, molecule.system, windows["training"].frames, settings.temperature,
            FineTuneConfig(steps=settings.fine_tune, seed=config.seed),
            validation=some_frames(windows["validation"]), device=device, progress=tuned,
        )  # fmt: skip
    measured = measure(
        model, fitted, windows["test"], molecule.system, temperature=settings.temperature,
        free_jumps=settings.free_jumps, device=device,
    )  # fmt: skip
    record_provenance(
        model,
        **_data(trajectories),
        force_field=list(molecule.forcefields),
        settings=settings.as_dict(),
        **_origin(plan),
        **measured.as_dict(),
    )
    return TrainResult(**vars(measured), model=model)


def _data(trajectories):
    return {
        "trajectories": [{"source": each.source, "frames": len(each)} for each in trajectories],
        "recorded_every_ps": check_same_interval(trajectories),
    }


def _origin(plan):
    if plan.start is None:
        return {}
    return {"started_from": {"model": plan.start.source.name, "sha256": plan.start.sha256}}


def _record(molecule, settings, plan, trajectories):
    """What a run depends on, a name a setting."""
    record = settings.as_dict()
    training = {f"training.{name}": value for name, value in record.pop("training").items()}
    described = json.dumps(plan.model.spec.as_dict(), sort_keys=True)
    found = {
        "molecule_sha256": hashlib.sha256(described.encode()).hexdigest(),
        "force_field": list(molecule.forcefields),
        "frames_sha256": [_fingerprint(each.frames) for each in trajectories],
    }
    return record | training | found | _data(trajectories) | _origin(plan)


def _fingerprint(frames):
    """Hash of frames, evenly spaced over the whole if they are many."""
    digest = hashlib.sha256()
    count = min(len(frames), _HASHED)
    numbers = torch.arange(count) * (len(frames) - 1) // max(1, count - 1)
    for some in numbers.split(_AT_A_TIME):
        digest.update(frames[some].numpy().tobytes())
    return digest.hexdigest()
