"""A model, measured on trajectories that its training did not see."""

from __future__ import annotations

import warnings

from ..data import WindowSet, check_same_interval
from ..simulation import check_fit
from ..training import TrainingConfig, choose_device
from ._baselines import fit_baselines
from ._geometry import check_geometry
from ._measure import Measured, measure
from ._plan import check_forces, multiple_of


def evaluate_on(
    model, molecule, trajectories, *, free_jumps: int = 1000, device: str = "auto"
) -> Measured:
    """Measure a model on trajectories, beside baselines.

    Baselines are fitted on the first half of each trajectory, and all are measured on the second.

    Parameters
    ----------
    model : TrajectoryModel
    molecule : MolecularSystem
        That the trajectories are of, and the model is for.
    trajectories : sequence of Trajectory
    free_jumps : int
        Jumps one after the other, after which the shape of the molecule is looked at; 0 for none.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ValueError
        If model, molecule and trajectories do not fit each other.
    """
    device = choose_device(device)
    recorded = check_same_interval(trajectories)
    if model.has_density and not model.uses_window:
        check_forces(molecule)
    check_fit(molecule.system, molecule.topology, model)
    check_geometry(trajectories, model.spec)
    stride = multiple_of(
        "frame interval of the model,", model.frame_interval, recorded,
        "that of the trajectories",
    )  # fmt: skip
    _warn_of_training_data(model, trajectories)
    first, second = (
        WindowSet.from_trajectories(
            [each.frames[: len(each) // 2] if early else each.frames[len(each) // 2 :]
             for each in trajectories], model.segment, stride,
        )
        for early in (True, False)
    )  # fmt: skip
    fitted = {} if model.has_density else fit_baselines(model, first, TrainingConfig(), device)
    return measure(
        model, fitted, second, molecule.system, temperature=model.temperature or 300.0,
        free_jumps=free_jumps, device=device,
    )  # fmt: skip


def _warn_of_training_data(model, trajectories):
    trained = {each["source"] for each in model.spec.provenance.get("trajectories", ())}
    both = sorted(trained & {each.source for each in trajectories})
    if both:
        warnings.warn(
            f"the model was trained on files of the same name: {', '.join(both)}. Errors on frames "
            f"it has seen say little",
            stacklevel=3,
        )
