"""Models that training starts from."""

from __future__ import annotations

import torch

from ..models import load_model

# What must be the same in the molecule of a model and in that of the trajectories
_SAME = {
    "atom_names": "atom names", "elements": "elements", "residue_names": "residues",
    "bonds": "bonds",
}  # fmt: skip


def load_start(settings):
    """The model that training starts from.

    Raises
    ------
    ValueError
        If there is none of this name, or it is for another target or has nothing to train.
    """
    start = load_model(settings.start)
    if start.closed_form:
        raise ValueError(
            f"{settings.start} is {start.spec.architecture}, which has a closed form and is not "
            f"trained further; name the architecture with --model instead"
        )
    target = "proposal" if start.has_density else "jump"
    if target != settings.target:
        raise ValueError(
            f"{settings.start} is {start.spec.architecture}, for target {target}, not "
            f"{settings.target}"
        )
    return start


def take_weights(model, start, name: str) -> None:
    """Give an untrained model the weights of another.

    Parameters
    ----------
    model : TrajectoryModel
        Of the same architecture with the same options.
    start : TrajectoryModel
    name : str
        Of the latter, for errors.

    Raises
    ------
    ValueError
        If they are of different molecules, naming what differs first.
    """
    for field, words in _SAME.items():
        found, expected = (getattr(each.spec, field) for each in (model, start))
        if field == "bonds":  # formats have them in orders of their own
            found, expected = (sorted(map(sorted, bonds)) for bonds in (found, expected))
        if len(found) != len(expected):
            raise ValueError(
                f"{name} is a model of {len(expected)} {words}, the molecule has {len(found)}: "
                f"training starts from models of the same molecule"
            )
        for number, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
            if ours != theirs:
                raise ValueError(
                    f"{name} has {words} {theirs} where the molecule has {ours} (number {number}): "
                    f"training starts from models of the same molecule"
                )
    if not torch.equal(model.context.body.torsion_atoms, start.context.body.torsion_atoms):
        raise ValueError(
            f"{name} turns other bonds than can be turned here: its constraints or masses differ"
        )
    learned = {
        key: value for key, value in start.state_dict().items() if not key.startswith("context.")
    }
    model.load_state_dict(learned, strict=False)
