"""Records as tables: a model a row, a molecule a column."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from ._md17_job import FLOOR
from ._md17_models import MD17_MODELS
from ._records import Record

_QUANTITIES = (("mse", "MSE (10⁻³ Å²)", 1e3), ("mae", "MAE (Å)", 1.0))
# How many times the error of the second that of the first is.
_RATIOS = (("linear-ar-full", "stegmn"), ("stegmn-paper", "stegmn"))
ABSENT = "–"
_INPUTS = ("heavy", "all")
#: What is written as a power of ten.
_LARGE = 1e6


@dataclass(frozen=True)
class BenchmarkTable:
    """A title, a head and rows of text."""

    title: str
    head: list[str]
    rows: list[list[str]]

    def markdown(self) -> str:
        """As Markdown, title first."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"{self.title}\n\n{table}"


def benchmark_tables(records: Iterable[Record]) -> list[BenchmarkTable]:
    """Tables of MSE and MAE, a pair for each set of records that can be compared.

    Cells are means over seeds, and the standard deviation over seeds where there are several. The
    last column is the geometric mean over molecules, the last rows are ratios of means. The order
    of the records, which is chance where several were made at a time, changes nothing.

    Parameters
    ----------
    records : iterable of Record
        Those with the same data, input atoms and number of training windows share tables.
    """
    groups = {}
    for record in records:
        key = (record.benchmark, record.data, record.atoms, record.windows)
        groups.setdefault(key, []).append(record)
    return [
        _table(key, groups[key], *quantity)
        for key in sorted(groups, key=_place)
        for quantity in _QUANTITIES
    ]


def in_order(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Names, once each: those known in their order, then the others by the alphabet."""
    names, known = set(names), list(known)
    return [name for name in known if name in names] + sorted(names.difference(known))


def _place(key):
    benchmark, data, atoms, windows = key
    return benchmark, data, _INPUTS.index(atoms), windows


def _table(key, records, quantity, heading, scale):
    benchmark, data, atoms, windows = key
    molecules = sorted({record.molecule for record in records})
    names = {record.model for record in records}
    models = in_order(names - {FLOOR}, MD17_MODELS) + [FLOOR] * (FLOOR in names)
    values = {(model, molecule): [] for model in models for molecule in molecules}
    for record in records:
        values[record.model, record.molecule].append(scale * getattr(record, quantity))
    means = {cell: statistics.fmean(each) for cell, each in values.items() if each}
    several = len(molecules) > 1
    rows = []
    for model in models:
        row = [model, *(mean_cell(values[model, molecule]) for molecule in molecules)]
        rows.append(row + [_geometric_mean(means, model, molecules)] * several)
    rows += [_ratio_row(means, pair, molecules, several) for pair in _RATIOS if set(pair) <= names]
    n_seeds = len({record.seed for record in records})
    spread = f", mean ± standard deviation over {n_seeds} seeds" if n_seeds > 1 else ", one seed"
    title = (
        f"{benchmark}, {data}: {heading} of heavy atoms, input {atoms} atoms, {windows:,} training "
        f"windows{spread}"
    )
    return BenchmarkTable(title, ["model", *molecules] + ["geometric mean"] * several, rows)


def mean_cell(values) -> str:
    """Mean of values with three significant digits, and the standard deviation of several."""
    if not values:
        return ABSENT
    mean = statistics.fmean(values)
    # as of a roll-out that has exploded
    form = ".2e" if mean >= _LARGE else f".{_decimals(mean)}f"
    if len(values) == 1:
        return f"{mean:{form}}"
    return f"{mean:{form}} ± {statistics.stdev(values):{form}}"


def _decimals(value):
    """Decimal places that show three significant digits."""
    return max(0, 2 - math.floor(math.log10(value))) if value else 3


def _geometric_mean(means, model, molecules):
    found = [means.get((model, molecule)) for molecule in molecules]
    # an error of exactly zero has no logarithm
    if not all(found):
        return ABSENT
    return mean_cell([statistics.geometric_mean(found)])


def _ratio_row(means, pair, molecules, several):
    ratios = []
    for molecule in molecules:
        above, below = (means.get((name, molecule)) for name in pair)
        ratios.append(above / below if above and below else None)
    if several:
        ratios.append(None if None in ratios else statistics.geometric_mean(ratios))
    cells = (ABSENT if ratio is None else f"{ratio:.2f}" for ratio in ratios)
    return [" / ".join(pair), *cells]
