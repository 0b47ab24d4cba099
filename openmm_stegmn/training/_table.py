"""Accuracy as a table."""

from ..models import TrajectoryModel
from ._metrics import Accuracy


def accuracy_table(accuracies: dict[str, Accuracy], model: TrajectoryModel) -> str:
    """Markdown table, a line a model: circular error in all and by bond, and error in positions.

    Parameters
    ----------
    accuracies : dict
        By name of the model, from :func:`evaluate` on the same windows.
    model : TrajectoryModel
        Any of them; names the bonds.
    """
    head = [
        "model",
        "torsion RMSE (°)",
        "torsion MAE (°)",
        *bond_names(model),
        "MSE (Å²)",
        "heavy atoms",
        "MAE (Å)",
    ]
    rows = [head, ["---"] * len(head)]
    for name, a in accuracies.items():
        angles = (a.mean_torsion_rmse, a.mean_torsion_mae, *a.torsion_rmse)
        numbers = [decimals(value, 2) for value in angles]
        distances = (a.position_mse, a.position_mse_heavy, a.position_mae)
        numbers += [decimals(value, 4) for value in distances]
        rows.append([name, *numbers])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def decimals(value: float | None, places: int) -> str:
    """A number as tables show it, with so many decimals; a dash for None."""
    return "–" if value is None else f"{value:.{places}f}"


def bond_names(model: TrajectoryModel) -> list[str]:
    """Names of the rotatable bonds, such as ``"N–CA (2)"``: atoms, and residue from 1."""
    names, residues = model.spec.atom_names, model.spec.residue_ids
    return [
        f"{names[j]}–{names[k]} ({residues[j] + 1})"
        for _, j, k, _ in model.context.body.torsion_atoms.tolist()
    ]
