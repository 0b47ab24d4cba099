"""Records of the benchmark ``sampling`` as tables: one for each molecule."""

import statistics
from collections.abc import Iterable

from ._records import Record
from ._sampling_runs import PLAIN
from ._table import BenchmarkTable

# Heading, key in the details, factor, digits
_COLUMNS = (
    ("frames", "n_frames", 1, 0),
    ("MD (ns)", "physical_time_ps", 1e-3, 2),
    ("effective φ /s", "effective_phi_per_second", 1, 3),
    ("ψ /s", "effective_psi_per_second", 1, 3),
    ("χ1 /s", "effective_chi_per_second", 1, 3),
    ("slowest mode /s", "effective_slowest_per_second", 1, 3),
    ("φ > 0 (%)", "phi_positive", 100, 2),
    ("visits there /h", "phi_positive_visits", 3600, 1),
    ("free energy, RMS (kT)", "free_energy_rms_kT", 1, 3),
    ("bins unvisited", "bins_unvisited", 100, 0),
)
# An autocorrelation time needs a run of some fifty of them (emcee's rule): a shorter one that never
# leaves a basin knows of no slower motion than that inside.
_FEWEST = 50


def sampling_tables(records: Iterable[Record]) -> list[BenchmarkTable]:
    """Of each molecule: its trained models, and rates over wall time, everything paid.

    Rates are means and standard deviations over seeds. How many times those of plain dynamics they
    are is in parentheses where runs have fewer than fifty effective samples: too few to tell.

    Parameters
    ----------
    records : iterable of Record
        Of :func:`run_sampling`.
    """
    models, runs = {}, {}
    for record in records:
        if record.benchmark == "proposal":
            models.setdefault(record.molecule, []).append(record)
        else:
            kinds = runs.setdefault(record.molecule, {})
            kinds.setdefault(record.model, []).append(record)
    return [
        *(proposal_table(molecule, trained) for molecule, trained in models.items()),
        *(_table(molecule, kinds) for molecule, kinds in runs.items()),
    ]


def proposal_table(molecule: str, records: list[Record]) -> BenchmarkTable:
    """How often single trials of trained models are accepted.

    Parameters
    ----------
    molecule : str
    records : list of Record
        Of :class:`ProposalJob`.
    """
    head = [
        "moves", "trained on (ns)", "accepted, by likelihood alone", "fine-tuned",
        "ΔU proposed, median (kJ/mol)", "training (s)",
    ]  # fmt: skip
    rows = [
        [
            record.model, f"{record.details['nanoseconds']:g}",
            f"{record.details['by_likelihood']['acceptance']:.1%}",
            f"{record.details['acceptance']:.1%}", f"{record.details['energy_median']:+.1f}",
            f"{record.train_seconds:.0f}",
        ]
        for record in records
    ]  # fmt: skip
    return BenchmarkTable(f"{molecule}: trained models of exact moves", head, rows)


def _table(molecule, kinds):
    head = ["", "accepted", *(heading for heading, *_ in _COLUMNS)]
    rows = []
    for name, records in kinds.items():
        accepted = [r.details["accepted"] / r.details["attempted"] for r in records if
                    r.details.get("attempted")]  # fmt: skip
        cells = [f"{statistics.fmean(accepted):.1%}" if accepted else "–"]
        for _, key, factor, digits in _COLUMNS:
            cells.append(_cell([_value(r, key) for r in records], factor, digits))
        rows.append([name, *cells])
    exact = [name for name in kinds if name != PLAIN]
    for name in exact if PLAIN in kinds else ():
        ratios = [_ratio(kinds[name], kinds[PLAIN], key) for _, key, *_ in _COLUMNS]
        rows.append([f"{name} against {PLAIN}", "", *ratios])
    few = any(cell.startswith("(") for row in rows for cell in row[1:])
    settings = kinds[exact[0]][0].settings
    title = (
        f"{molecule}: {settings['seconds']:g} s of wall time each, platform "
        f"{settings['platform']}; {settings['md_frames']} frames of dynamics, then "
        f"{settings['jumps']} jumps of {settings['tries']} trials; reference "
        f"{settings['reference_ns']:g} ns"
    )
    if few:
        title += f"; in parentheses: of fewer than {_FEWEST} effective samples a run, no evidence"
    return BenchmarkTable(title, head, rows)


def _ratio(records, plain, key):
    means = [_mean(each, key) for each in (records, plain)]
    if "per_second" not in key or None in means or means[1] <= 0:
        return ""
    ratio = f"{means[0] / means[1]:.1f}×"
    samples = (record.details[key] * record.details["wall_seconds"] for record in records)
    return f"**{ratio}**" if statistics.fmean(samples) >= _FEWEST else f"({ratio})"


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
