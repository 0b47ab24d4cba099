"""Records of the benchmark ``peptides`` as tables: one for each molecule and interval."""

import statistics
from collections.abc import Iterable

from ._peptides_data import PEPTIDES
from ._peptides_models import PEPTIDE_MODELS
from ._peptides_references import NOISE_FLOOR, REFERENCES
from ._records import Record
from ._table import BenchmarkTable, in_order

_ABSENT = "–"
# Heading, digits, and how to find each error in a record.
_ERRORS = (
    ("torsion RMSE (°)", 2, lambda record: record.details["torsion_rmse"]),
    ("MSE (Å²)", 4, lambda record: record.mse),
    ("heavy atoms", 4, lambda record: record.details["mse_heavy"]),
)
_FLOOR_ERRORS = (
    lambda record: record.details["torsion_rmse_error"],
    lambda record: record.details["mse_error"],
    lambda record: record.details["mse_heavy_error"],
)


def peptide_tables(records: Iterable[Record]) -> list[BenchmarkTable]:
    """Errors, how many times the noise floor they are, and energies; a model a row.

    Cells are means over seeds, with the standard deviation where there are several; of the noise
    floor, the standard error over states. The last rows say how far each STEGMN is from the
    baseline that is best by the same measure. The order of the records, which is chance where
    several were made at a time, changes nothing.

    Parameters
    ----------
    records : iterable of Record
        Of :func:`run_peptides`.
    """
    groups = {}
    for record in records:
        key = (record.molecule, record.settings["interval_ps"], record.data, record.windows)
        groups.setdefault(key, []).append(record)
    molecules = in_order((molecule for molecule, *_ in groups), PEPTIDES)
    keys = sorted(groups, key=lambda key: (molecules.index(key[0]), *key[1:]))
    return [_table(key, groups[key]) for key in keys]


def _table(key, records):
    molecule, _, data, windows = key
    names = in_order((record.model for record in records), (*REFERENCES, *PEPTIDE_MODELS))
    models = {name: [record for record in records if record.model == name] for name in names}
    floor = models[NOISE_FLOOR][0]
    head = ["model"]
    for heading, _, _ in _ERRORS:
        head += [heading, "× floor"]
    head += ["ΔU (kJ/mol)", "below 10 kT"]
    rows = [_row(name, members, floor) for name, members in models.items()]
    networks = [name for name in models if name.startswith("stegmn")]
    baselines = [name for name in models if name not in (*networks, *REFERENCES)]
    if baselines:
        rows += [_comparison(name, models, baselines) for name in networks]
    title = (
        f"{molecule}, {data}: {windows:,} training windows and "
        f"{records[0].settings['test_windows']:,} for test; median rise of the energy, bonds to "
        f"hydrogen restored; noise floor from "
        f"{floor.details['n_states']} states × {floor.details['n_repeats']} repeats"
    )
    return BenchmarkTable(title, head, rows)


def _row(name, records, floor):
    cells = [name]
    for (_, digits, error), floor_error in zip(_ERRORS, _FLOOR_ERRORS, strict=True):
        values = [error(record) for record in records]
        mean, text = statistics.fmean(values), f"{statistics.fmean(values):.{digits}f}"
        if name == NOISE_FLOOR:
            text += f" ± {floor_error(records[0]):.{digits}f}"
        elif len(values) > 1:
            text += f" ± {statistics.stdev(values):.{digits}f}"
        cells += [text, f"{mean / error(floor):.2f}" if error(floor) > 0 else _ABSENT]
    rises = [record.details["energy_median"] for record in records]
    cells.append(_ABSENT if None in rises else f"{statistics.fmean(rises):+.1f}")
    below = statistics.fmean(record.details["energy_below_10kT"] for record in records)
    return [*cells, f"{below:.0%}"]


def _comparison(name, models, baselines):
    cells = [f"{name} against the best baseline"]
    for _, _, error in _ERRORS:
        means = {m: statistics.fmean(map(error, models[m])) for m in (name, *baselines)}
        best = min(baselines, key=means.get)
        change = f"{means[name] / means[best] - 1:+.1%}" if means[best] > 0 else _ABSENT
        cells += [f"{change} ({best})", ""]
    return [*cells, "", ""]
