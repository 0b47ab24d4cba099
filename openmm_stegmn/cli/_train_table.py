"""The tables that ``openmm-stegmn train`` and ``evaluate`` print."""

from __future__ import annotations

from rich.table import Table


def measured_tables(found, model):
    """Tables of what was measured of a model.

    Parameters
    ----------
    found : Measured
    model : TrajectoryModel

    Returns
    -------
    list of rich.table.Table
    """
    tables = []
    if found.accuracies is not None:
        tables.append(_accuracies(found.accuracies))
    if found.acceptance is not None:
        tables.append(_acceptance(found.acceptance, model))
    if found.stability is not None:
        tables.append(_stability(found.stability))
    return tables


def _accuracies(accuracies):
    from ..training import decimals

    table = _table("Errors on frames that were held out", "model")
    for column in ("torsion RMSE (°)", "MAE (°)", "position MSE (Å²)", "heavy atoms"):
        table.add_column(column, justify="right")
    for name, each in accuracies.items():
        table.add_row(
            name, decimals(each.mean_torsion_rmse, 2), decimals(each.mean_torsion_mae, 2),
            decimals(each.position_mse, 4), decimals(each.position_mse_heavy, 4),
        )  # fmt: skip
    return table


def _acceptance(found, model):
    from ..training import bond_names

    table = _table(f"{found.n_moves} moves from frames that were held out", "")
    table.add_column("", justify="right")
    table.add_row("accepted", f"{100 * found.acceptance:.1f} %")
    table.add_row("median change of energy", f"{found.energy_median:.1f} kJ/mol")
    for name, turned in zip(bond_names(model), found.turned, strict=True):
        table.add_row(f"accepted (1 − cos Δq), {name}", f"{turned:.3f}")
    return table


def _stability(shapes):
    table = _table("Free jumps, one after the other, no physical step between", "after")
    for column in ("bonds off by (Å)", "angles off by (°)", "radius of gyration (Å)"):
        table.add_column(column, justify="right")
    for each in shapes:
        name = f"{each.jumps:,} jumps" if each.jumps else "none: the data"
        table.add_row(name, f"{each.bonds:.4f}", f"{each.angles:.2f}", f"{each.gyration:.3f}")
    return table


def _table(title, first):
    table = Table(title=title, title_justify="left", title_style="bold", show_header=bool(first))
    table.add_column(first, style="cyan", no_wrap=True)
    return table
