"""From settings, molecule and trajectories to a model that is ready to train."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..data import WindowSet, check_same_interval, describe_molecule, hold_out
from ..models import ModelSpec, build_model
from ..simulation import check_fit
from ._geometry import check_geometry
from ._settings import TrainSettings
from ._start import load_start, take_weights

# Of intervals, that are rounded in files
_SAME = 1e-4
# Times of a proposal, in frame intervals, where none are asked for
_LAGS = (1, 2, 5, 10, 20, 50)


@dataclass(frozen=True)
class TrainingPlan:
    """An untrained model, and what it is trained and measured on."""

    model: object
    """TrajectoryModel; its initial weights depend on the seed alone."""
    windows: dict[str, WindowSet]
    """``training``, ``validation`` and ``test``, as long as the model's ``segment``."""
    start: object = None
    """TrajectoryModel whose weights it has, or None."""


def plan_training(molecule, trajectories, settings: TrainSettings) -> TrainingPlan:
    """Check everything that a training run needs, and make its model.

    Parameters
    ----------
    molecule : MolecularSystem
    trajectories : sequence of Trajectory
    settings : TrainSettings

    Raises
    ------
    ValueError
        With one clear message, if trajectories, molecule and settings do not fit each other, or
        jumps do not support such a system.
    """
    if not trajectories:
        raise ValueError("no trajectory given: at least one is needed")
    recorded = check_same_interval(trajectories)
    interval = recorded if settings.frame_interval is None else settings.frame_interval
    stride = multiple_of("frame interval", interval, recorded, "that of the trajectories")
    described = describe_molecule(molecule.topology, molecule.system)
    _check_elements(described)
    _check_masses(described)
    start = None if settings.start is None else load_start(settings)
    spec = ModelSpec(
        **_architecture(settings, start, interval), frame_interval=interval,
        temperature=settings.temperature,
        **described,
    )  # fmt: skip
    check_geometry(trajectories, spec)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.training.seed)
        model = build_model(spec)
    if model.has_density and not model.uses_window:
        check_forces(molecule)
    if start is not None:
        take_weights(model, start, settings.start)
    check_fit(molecule.system, molecule.topology, model)
    return TrainingPlan(model, hold_out(trajectories, model.segment, stride), start)


def check_forces(molecule) -> None:
    """Raise ValueError if the energies are not known, by which exact moves are accepted."""
    if not molecule.system.getNumForces():
        raise ValueError(
            f"{molecule.pdb} says nothing of energies, by which exact moves are accepted: give the "
            f"force field (--forcefield), or a serialised System (--system)"
        )


def _check_elements(described):
    unknown = [
        f"{name} of {residue} {number + 1}"
        for name, residue, number, element, mass in zip(
            *(described[field] for field in
              ("atom_names", "residue_names", "residue_ids", "elements", "masses")), strict=True,
        )
        if element == "X" and mass > 0
    ]  # fmt: skip
    if unknown:
        raise ValueError(
            f"no element is known of {len(unknown)} atoms that have mass, the first is "
            f"{unknown[0]}: state it in the topology (columns 77 and 78 of a PDB file)"
        )


def _check_masses(described):
    massless = [number for number, mass in enumerate(described["masses"]) if not mass > 0]
    if massless:
        name, residue = (described[key][massless[0]] for key in ("atom_names", "residue_names"))
        raise ValueError(
            f"{len(massless)} atoms have no mass, such as virtual sites, and cannot jump; the "
            f"first is {name} of {residue} (atom {massless[0]}, counted from 0): leave them out, "
            f"with the solvent, of trajectory and topology"
        )


def _architecture(settings, start, interval) -> dict:
    """What of a specification does not follow from the molecule."""
    if start is not None:
        spec = start.spec
        return {
            "architecture": spec.architecture, "history": spec.history, "horizon": spec.horizon,
            "config": spec.config,
        }  # fmt: skip
    return {
        "architecture": settings.model, "history": settings.history, "horizon": settings.horizon,
        "config": _config(settings, interval),
    }  # fmt: skip


def _config(settings, interval) -> dict:
    """Keyword arguments of the architecture."""
    own = {"components": settings.components, "block": settings.block}
    if settings.target == "proposal":
        lags = _lags(settings, interval)
        # What follows a window follows after a time.
        dynamics = settings.history > 1
        own["lags"] = lags if dynamics else [None, *lags]
        own["lag"] = lags[0] if dynamics else None
    return settings.config | {name: value for name, value in own.items() if value is not None}


def _lags(settings, interval) -> list[int]:
    """Times of a proposal, in frame intervals."""
    if settings.times is None:
        return list(_LAGS)
    return sorted(
        {multiple_of("time", time, interval, "the frame interval") for time in settings.times}
    )


def multiple_of(what: str, time: float, of: float, whose: str) -> int:
    """How often an interval goes into a time, both in ps; ValueError if it does not."""
    count = round(time / of)
    if count < 1 or abs(time / of - count) > _SAME * count:
        raise ValueError(
            f"{what} {time:g} ps: expected a multiple of {whose}, {of:g} ps, such as "
            f"{of * max(1, count):g} ps"
        )
    return count
