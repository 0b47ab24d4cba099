"""Records of the benchmarks of states as tables, with the published figures beside them."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from . import _published_states as published
from ._protein_next import NEXT_MODELS
from ._records import Record
from ._state_models import STATE_MODELS
from ._table import ABSENT, BenchmarkTable, in_order, mean_cell

PUBLISHED = "published"


@dataclass(frozen=True)
class _Form:
    """How a benchmark is shown."""

    scale: float
    unit: str
    final: Callable[[Record], dict]
    """Published F-MSE by model, in the table's unit."""
    mean: Callable[[Record], dict]
    """Published A-MSE by model."""


def state_tables(records: Iterable[Record], motion: str = "run") -> list[BenchmarkTable]:
    """F-MSE and A-MSE: a model a row; of small molecules, a molecule a column.

    Cells are means over seeds, with the standard deviation where there are several. The order of
    the records changes nothing.

    Parameters
    ----------
    records : iterable of Record
        Of :func:`run_states`. Those with the same data, number of training windows and of frames
        share a table.
    motion : {"run", "walk"}
        Whose published figures stand beside those of motion capture.
    """
    groups = {}
    for record in records:
        molecule = "" if record.benchmark.startswith("md17") else record.molecule
        key = (record.benchmark, record.data, molecule, record.windows, record.settings["frames"])
        groups.setdefault(key, []).append(record)
    tables = []
    for key in sorted(groups):
        form = _form(key[0], motion)
        make = _by_molecule if key[0].startswith("md17") else _by_quantity
        tables += make(key, groups[key], form)
    return tables


def next_frame_tables(records: Iterable[Record]) -> list[BenchmarkTable]:
    """Errors of the next frame of a protein, a model a row.

    Parameters
    ----------
    records : iterable of Record
        Of :func:`run_next_frames`.
    """
    groups = {}
    for record in records:
        groups.setdefault((record.data, record.molecule, record.windows), []).append(record)
    tables = []
    for (data, molecule, windows), members in sorted(groups.items()):
        rows = []
        for model in in_order((record.model for record in members), NEXT_MODELS):
            of_model = [record for record in members if record.model == model]
            row = [model]
            for place, name in enumerate(("mse", "mae")):
                row.append(mean_cell([getattr(record, name) for record in of_model]))
                row.append(_figure(published.ADK_NEXT.get(model, (None, None))[place]))
            rows.append(row)
        title = (
            f"{members[0].benchmark}, {data}, {molecule}: the next frame from ten, {windows:,} "
            f"training windows{_seeds(members)}"
        )
        head = ["model", "MSE (Å²)", PUBLISHED, "MAE (Å)", PUBLISHED]
        tables.append(BenchmarkTable(title, head, rows))
    return tables


def _form(benchmark, motion):
    if benchmark == "nbody":
        return _Form(
            1.0, "",
            lambda record: published.NBODY_FINAL.get(record.windows, {}),
            lambda record: published.NBODY_MEAN.get(record.windows, {}),
        )  # fmt: skip
    if benchmark == "mocap":
        return _Form(
            100.0, " (10⁻²)",
            lambda record: published.MOTION_FINAL[motion],
            lambda record: published.MOTION_MEAN[motion],
        )  # fmt: skip
    if benchmark == "adk":
        return _Form(1.0, " (Å²)", lambda record: published.ADK_FINAL, lambda record: {})
    return _Form(
        100.0, " (10⁻² Å²)",
        lambda record: _of_molecule(published.MD17_FINAL, record.molecule),
        lambda record: _of_molecule(published.MD17_MEAN, record.molecule),
    )  # fmt: skip


def _of_molecule(figures, molecule):
    return {model: values[molecule] for model, values in figures.items()}


def _by_quantity(key, records, form):
    benchmark, data, molecule, windows, frames = key
    models = in_order((record.model for record in records), STATE_MODELS)
    decoded = sorted({int(n) for r in records for n in r.details.get("decoded", {})})
    head = ["model", f"F-MSE{form.unit}", PUBLISHED, f"A-MSE{form.unit}", PUBLISHED]
    head += [f"A-MSE of {count} frames" for count in decoded] + ["epochs", "minutes"]
    rows = []
    for model in models:
        members = [record for record in records if record.model == model]
        row = [model]
        for quantity, known in ((_final, form.final), (_mean, form.mean)):
            row.append(_cell([quantity(record) for record in members], form.scale))
            row.append(_figure(known(members[0]).get(model)))
        for count in decoded:
            row.append(_cell([_decoded(record, count) for record in members], form.scale))
        row.append(f"{statistics.fmean(r.details['epochs'] for r in members):,.0f}")
        row.append(f"{statistics.fmean(r.train_seconds for r in members) / 60:.1f}")
        rows.append(row)
    title = (
        f"{benchmark}, {data}, {molecule}: mean square error of the last frame (F) and of all "
        f"{frames} frames (A; of egno-l the last ones), {windows:,} training "
        f"windows{_seeds(records)}"
    )
    return [BenchmarkTable(title, head, rows)]


def _by_molecule(key, records, form):
    benchmark, data, _, windows, frames = key
    molecules = sorted({record.molecule for record in records})
    models = in_order((record.model for record in records), STATE_MODELS)
    tables = []
    for name, quantity, known in (("F", _final, form.final), ("A", _mean, form.mean)):
        rows = []
        for model in models:
            row, figures = [model], [f"{model}, {PUBLISHED}"]
            for molecule in molecules:
                members = [r for r in records if (r.model, r.molecule) == (model, molecule)]
                row.append(_cell([quantity(record) for record in members], form.scale))
                figures.append(_figure(known(members[0]).get(model) if members else None))
            rows += [line for line in (row, figures) if set(line[1:]) != {ABSENT}]
        where = "the last frame" if name == "F" else f"all {frames} frames"
        title = (
            f"{benchmark}, {data}: {name}-MSE{form.unit}, mean square error of {where}, heavy "
            f"atoms, {windows:,} training windows{_seeds(records)}"
        )
        tables.append(BenchmarkTable(title, ["model", *molecules], rows))
    return [table for table in tables if table.rows]


def _final(record):
    return record.mse


def _mean(record):
    return record.details["a_mse"]


def _decoded(record, count):
    return record.details.get("decoded", {}).get(str(count), {}).get("mean")


def _seeds(records):
    count = len({record.seed for record in records})
    return f", mean ± standard deviation over {count} seeds" if count > 1 else ", one seed"


def _figure(value):
    return ABSENT if value is None else f"{value:g}"


def _cell(values, scale):
    return mean_cell([scale * value for value in values if value is not None])
