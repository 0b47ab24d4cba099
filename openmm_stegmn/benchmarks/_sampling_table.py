"""Records of the benchmark ``sampling`` as tables: one for each molecule."""

import statistics
from collections.abc import Iterable

from ._records import Record
from ._sampling_runs import EXACT, PLAIN
from ._table import BenchmarkTable

# Heading, key in the details, factor, digits
_COLUMNS = (
    ("frames", "n_frames", 1, 0),
    ("MD (ns)", "physical_time_ps", 1e-3, 2),
    ("effective φ /s", "effective_phi_per_second", 1, 3),
    ("ψ /s", "effective_psi_per_second", 1, 3),
    ("slowest mode /s", "effective_slowest_per_second", 1, 3),
    ("φ > 0 (%)", "phi_positive", 100, 2),
    ("visits there /h", "phi_positive_visits", 3600, 1),
    ("free energy, RMS (kT)", "free_energy_rms_kT", 1, 3),
    ("bins unvisited", "bins_unvisited", 100, 0),
)


def sampling_tables(records: Iterable[Record]) -> list[BenchmarkTable]:
    """Rates over wall time, everything paid; means and standard deviations over seeds.

    Parameters
    ----------
    records : iterable of Record
        Of :func:`run_sampling`.
    """
    groups = {}
    for record in records:
        groups.setdefault(record.molecule, {}).setdefault(record.model, []).append(record)
    return [_table(molecule, models) for molecule, models in groups.items()]


def _table(molecule, models):
    head = ["", "accepted", *(heading for heading, *_ in _COLUMNS)]
    rows = []
    for name in (PLAIN, EXACT):
        records = models[name]
        accepted = [r.details["accepted"] / r.details["attempted"] for r in records if
                    r.details.get("attempted")]  # fmt: skip
        cells = [f"{statistics.fmean(accepted):.1%}" if accepted else "–"]
        for _, key, factor, digits in _COLUMNS:
            cells.append(_cell([_value(r, key) for r in records], factor, digits))
        rows.append([name, *cells])
    ratios = []
    for _, key, _, _ in _COLUMNS:
        means = [_mean(models[name], key) for name in (EXACT, PLAIN)]
        usable = "per_second" in key and None not in means and means[1] > 0
        ratios.append(f"**{means[0] / means[1]:.1f}×**" if usable else "")
    rows.append(["exact jumps against plain MD", "", *ratios])
    settings = models[EXACT][0].settings
    title = (
        f"{molecule}: {settings['seconds']:g} s of wall time each, platform "
        f"{settings['platform']}; {settings['md_frames']} frames of dynamics, then a jump of "
        f"{settings['tries']} trials; reference {settings['reference_ns']:g} ns"
    )
    return BenchmarkTable(title, head, rows)


def _value(record, key):
    value = record.details[key]
    return value / record.details["wall_seconds"] if key == "phi_positive_visits" else value


def _mean(records, key):
    values = [_value(record, key) for record in records]
    return None if None in values else statistics.fmean(values)


def _cell(values, factor, digits):
    if None in values:
        return "–"
    text = f"{factor * statistics.fmean(values):,.{digits}f}"
    if len(values) > 1:
        text += f" ± {factor * statistics.stdev(values):,.{digits}f}"
    return text
