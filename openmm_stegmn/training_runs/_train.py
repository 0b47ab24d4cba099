"""From trajectories to a trained model that says how good it is."""

from __future__ import annotations

from dataclasses import dataclass

from ..training import (
    Acceptance,
    Accuracy,
    FineTuneConfig,
    choose_device,
    fine_tune,
    measure_acceptance,
    record_provenance,
    train,
)
from ._baselines import compare, verdict
from ._plan import plan_training
from ._settings import TrainSettings

# Frames that acceptance is measured from, and that fine-tuning is validated on
_MEASURED = 300


@dataclass(frozen=True)
class TrainResult:
    """A trained model, and what was measured on frames that it has not seen."""

    model: object
    """TrajectoryModel, on the CPU, with its provenance."""
    accuracies: dict[str, Accuracy] | None
    """Of a jump model: its own and those of the baselines, by name."""
    acceptance: Acceptance | None
    """Of a proposal: of moves that Metropolis weighs."""
    verdict: str
    """What they say, in a sentence."""


def train_on(
    molecule, trajectories, settings: TrainSettings | None = None, *, progress=True, tuned=None
) -> TrainResult:
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

    Raises
    ------
    ValueError
        Before anything is trained: see :func:`plan_training`.

    Examples
    --------
    >>> molecule = build_system("top.pdb")
    >>> result = train_on(molecule, read_trajectories(["run1.xtc"], molecule.topology))
    >>> save_model(result.model, "mine.safetensors")
    """
    settings = TrainSettings() if settings is None else settings
    plan = plan_training(molecule, trajectories, settings)
    device = choose_device(settings.device)
    windows = plan.windows
    model = train(
        plan.model, windows["training"], settings.training, validation=windows["validation"],
        accelerator="gpu" if device == "cuda" else "cpu", progress=progress,
    )  # fmt: skip
    accuracies = acceptance = None
    if model.has_density:
        if settings.fine_tune is not None:
            config = FineTuneConfig(steps=settings.fine_tune, seed=settings.training.seed)
            fine_tune(
                model, molecule.system, windows["training"].frames, settings.temperature, config,
                validation=_some(windows["validation"]), device=device, progress=tuned,
            )  # fmt: skip
        acceptance = measure_acceptance(
            model, molecule.system, _some(windows["test"]), settings.temperature
        )
        sentence = (
            f"{model.spec.architecture}: {100 * acceptance.acceptance:.1f} % of moves from frames "
            f"it has not seen are accepted (one trial each, drawn for equilibrium)."
        )
        metrics = {"acceptance": acceptance.as_dict()}
    else:
        accuracies = compare(model, windows, settings.training, device)
        sentence = verdict(model, accuracies)
        metrics = {"accuracy": {name: each.as_dict() for name, each in accuracies.items()}}
    record_provenance(
        model,
        trajectories=[{"source": each.source, "frames": len(each)} for each in trajectories],
        recorded_every_ps=trajectories[0].interval,
        force_field=list(molecule.forcefields),
        settings=settings.as_dict(),
        **metrics,
    )
    return TrainResult(model, accuracies, acceptance, sentence)


def _some(windows):
    """Frames, evenly spaced over the whole."""
    frames = windows.frames
    return frames[:: max(1, len(frames) // _MEASURED)]
