"""Is a jump model worth using? What it has to beat, on windows that it has not seen."""

from __future__ import annotations

import dataclasses

from ..models import build_model
from ..training import Accuracy, TrainingConfig, evaluate, train

# Coordinates of a window that ridge regression of all atoms takes minutes for; beyond, it is left
# out. Its cost grows with their third power, times the atoms.
_LARGEST_REGRESSION = 2_500
# Test windows: more change nothing that counts.
_TESTED = 5_000
# What a model must be better by, to be worth its cost.
_MARGIN = 0.01

_IN_POSITIONS = ("persistence", "linear", "linear-ar", "linear-ar-full")
_IN_TORSIONS = ("torsion-linear", "torsion-linear-ar", "torsion-linear-ar-full")


def baselines(spec, n_bonds: int) -> list[str]:
    """Names of the linear models that can be fitted for a molecule and a window."""
    names = ["persistence"]
    if spec.history > 1:
        names = [*_IN_POSITIONS, *(_IN_TORSIONS if n_bonds else ())]
    if spec.history * spec.n_atoms > _LARGEST_REGRESSION:
        names.remove("linear-ar-full")
    return names


def fit_baselines(model, windows, config: TrainingConfig, device: str) -> dict:
    """Baselines of a model, fitted on training windows.

    Parameters
    ----------
    model : TrajectoryModel
    windows : WindowSet
    config : TrainingConfig
    device : str
        ``"cpu"`` or ``"cuda"``, where they are fitted.

    Returns
    -------
    dict of TrajectoryModel
        By name, on the CPU; without the model's own architecture.
    """
    fitted = {}
    for name in baselines(model.spec, model.context.body.n_bonds):
        if name != model.spec.architecture:
            spec = dataclasses.replace(model.spec, architecture=name, config={}, provenance={})
            fitted[name] = train(
                build_model(spec), windows, config,
                accelerator="gpu" if device == "cuda" else "cpu", progress=False,
            )  # fmt: skip
    return fitted


def compare(model, fitted: dict, test, device: str) -> dict[str, Accuracy]:
    """Accuracy on test windows: of the baselines and the model.

    Parameters
    ----------
    model : TrajectoryModel
        Trained; on the CPU again afterwards.
    fitted : dict of TrajectoryModel
        See :func:`fit_baselines`.
    test : WindowSet
    device : str
        ``"cpu"`` or ``"cuda"``.
    """
    test = test.subset(_TESTED)
    return {
        name: _accuracy(each, test, device)
        for name, each in {**fitted, model.spec.architecture: model}.items()
    }


def _accuracy(model, test, device):
    found = evaluate(model.to(device), test)
    model.cpu()
    return found


def judged_by(model):
    """What a model is judged by: its name, unit, and how to take it from an :class:`Accuracy`.

    The error of torsions for a model that turns bonds, else that of positions.
    """
    if model.kinematics == "articulated" and model.context.body.n_bonds:
        return "torsion RMSE", "°", lambda a: a.mean_torsion_rmse
    return "position RMSE", " Å", lambda a: a.position_mse**0.5


def verdict(model, accuracies: dict[str, Accuracy]) -> str:
    """One sentence: how far the model is below the best baseline, and whether to use it."""
    name, (what, unit, measure) = model.spec.architecture, judged_by(model)
    errors = {other: measure(accuracy) for other, accuracy in accuracies.items()}
    own = errors[name]
    if len(errors) > 1:
        del errors[name]
    best = min(errors, key=errors.get)
    gain = 1 - own / errors[best]
    found = f"{name}: {what} {own:.3g}{unit} on frames it has not seen, "
    if gain >= _MARGIN:
        nearest = min(accuracies, key=lambda other: accuracies[other].position_mse)
        also = "" if nearest == name else f", though in positions {nearest} is nearer"
        return found + (
            f"{100 * gain:.0f} % below the best baseline ({best}, {errors[best]:.3g}{unit}): "
            f"it predicts more than a linear rule does{also}."
        )
    return found + (
        f"no better than {best} ({errors[best]:.3g}{unit}): not worth using. More steps or more "
        f"data may help, or another frame interval."
    )
