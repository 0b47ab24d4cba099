"""The table that ``openmm-stegmn train`` prints."""

from __future__ import annotations

from rich.table import Table


def train_table(result):
    """A rich table of a :class:`~openmm_stegmn.training_runs.TrainResult`."""
    return _accuracies(result) if result.acceptance is None else _acceptance(result)


def _accuracies(result):
    table = _table("Errors on frames that were held out", "model")
    for column in ("torsion RMSE (°)", "MAE (°)", "position MSE (Å²)", "heavy atoms"):
        table.add_column(column, justify="right")
    for name, each in result.accuracies.items():
        table.add_row(
            name, f"{each.mean_torsion_rmse:.2f}", f"{each.mean_torsion_mae:.2f}",
            f"{each.position_mse:.4f}", f"{each.position_mse_heavy:.4f}",
        )  # fmt: skip
    return table


def _acceptance(result):
    from ..training import bond_names

    found = result.acceptance
    table = _table(f"{found.n_moves} moves from frames that were held out", "")
    table.add_column("", justify="right")
    table.add_row("accepted", f"{100 * found.acceptance:.1f} %")
    table.add_row("median change of energy", f"{found.energy_median:.1f} kJ/mol")
    for name, turned in zip(bond_names(result.model), found.turned, strict=True):
        table.add_row(f"accepted (1 − cos Δq), {name}", f"{turned:.3f}")
    return table


def _table(title, first):
    table = Table(title=title, title_justify="left", title_style="bold", show_header=bool(first))
    table.add_column(first, style="cyan", no_wrap=True)
    return table
