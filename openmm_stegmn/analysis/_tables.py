"""Tables of a report, as text: for the terminal and for HTML alike."""

from dataclasses import dataclass

import numpy as np

from ._verdict import kind_text


@dataclass(frozen=True)
class ReportTable:
    """A table of text.

    Attributes
    ----------
    title : str
    head : list of str
    rows : list of list of str
    note : str
        What the numbers are.
    """

    title: str
    head: list
    rows: list
    note: str = ""


def report_tables(analysis) -> list[ReportTable]:
    """All tables that an analysis has.

    Parameters
    ----------
    analysis : TrajectoryAnalysis
    """
    tables = [_about(analysis), _comparisons(analysis)]
    tables += [_basins(each) for each in analysis.free_energies if each.basins]
    if analysis.jumps.results.attempted:
        tables.append(_jumps(analysis))
    tables += [
        _temperatures(kind, rows) for kind, rows in analysis.jumps.results.temperatures.items()
    ]
    if analysis.markov is not None:
        tables.append(_markov(analysis))
    return [table for table in tables if table.rows]


def _about(analysis):
    frames = analysis.frames
    jumped = int(frames.jumped.sum())
    rows = [["frames", f"{len(frames):,} ({jumped:,} made by jumps)"]]
    rows.append(["replicas", str(int(frames.replica.max(initial=-1)) + 1)])
    rows.append(["time between physical frames", f"{frames.interval:g} ps"])
    if frames.is_hybrid:
        rows.append(["kind of jump", kind_text(frames)])
    return ReportTable("Trajectory", ["", ""], rows)


def _comparisons(analysis):
    results = analysis.comparison.results
    rows = []
    for each, verdict in zip(results.comparisons, results.verdicts, strict=True):
        rows.append(
            [
                each.observable, f"{each.left}, {each.right}",
                f"{number(each.value)} ± {number(each.error)} {each.unit}",
                f"{number(each.floor)} ({number(each.floor_95)})", f"{each.p_value:.3f}",
                verdict, f"{each.worst} ({number(each.worst_value)})" if each.worst else "",
            ]
        )  # fmt: skip
    head = ["observable", "between", "distance", "noise (95 %)", "p", "verdict", "largest"]
    note = (
        "Distances are means over all members, such as dihedrals: Jensen–Shannon divergence in "
        "bits, Wasserstein distance or difference in Å or degrees. Noise is the distance of the "
        "same frames with their origin given to blocks at random; p is how often it is larger. "
        "Verdicts are right together in 95 % of cases (Holm). “Not known”: blocks are too few or "
        "depend on each other."
    )
    return ReportTable("Frames compared", head, rows, note)


def _basins(each):
    rows = [
        [
            row["name"],
            *(_share(row[side]) for side in ("reference", "raw", "corrected")),
            _range(row["leaving"], "{:.3g}"),
        ]
        for row in each.basins
    ]
    head = ["basin", "MD (%)", "hybrid (%)", "corrected (%)", "leaves after (ps)"]
    note = "95 % intervals. Times are mean first passage times of the Markov model of the legs."
    return ReportTable(f"Basins of {each.name}", head, rows, note)


def _jumps(analysis):
    results = analysis.jumps.results
    finite = results.energy_change[np.isfinite(results.energy_change) & results.jump_accepted]
    rows = [
        ["jumps tried", f"{results.attempted:,}"],
        ["accepted", f"{results.accepted:,} ({results.accepted / results.attempted:.1%})"],
    ]
    if len(finite):
        low, middle, high = np.quantile(finite, [0.05, 0.5, 0.95])
        text = f"{middle:.1f} [{low:.1f}, {high:.1f}] kJ/mol"
        rows.append(["energy change of those kept, median [5 %, 95 %]", text])
    for kind, value in results.constraint_error.items():
        if np.isfinite(value):
            rows.append(
                [f"worst constraint error in the simulation, {kind} frames", f"{value:.1e}"]
            )
    if analysis.constraints is not None:
        for kind, about in analysis.constraints.results.by_origin.items():
            if np.isfinite(about["worst"]):
                text = f"{about['worst']:.1e}, mean {about['mean']:.1e}"
                rows.append([f"constraint error in the file, {kind} frames", text])
        rounding = analysis.constraints.results.resolution
        rows.append(["constraint error that rounding of the file makes", f"{rounding:.1e}"])
    for label, chosen in (("jump", results.origins == 1), ("physical frame", results.origins != 1)):
        values = results.displacement[chosen & np.isfinite(results.displacement)]
        if len(values):
            rows.append([f"RMSD of a {label} to the frame before", f"{values.mean():.3f} Å"])
    if results.relaxation:
        after, interval = results.relaxed_after, analysis.frames.interval
        text = "not within a leg, or not known"
        if after is not None:
            text = f"{after} frame{'s' * (after != 1)} ({after * interval:g} ps)"
        rows.append(["energy is back after a jump within two errors after", text])
    return ReportTable("Jumps", ["", ""], rows)


def _temperatures(kind, rows):
    with_reference = any(np.isfinite(row["reference"]) for row in rows)
    other = "reference" if with_reference else "late"
    text = [
        [
            row["name"], f"{row['degrees']:.2f}", f"{row['after_jump']:.1f}", f"{row[other]:.1f}",
            f"{row['difference']:+.1f} ± {row['error']:.1f}", row["verdict"],
        ]
        for row in rows
    ]  # fmt: skip
    head = [
        kind, "degrees of freedom", "after jumps (K)",
        "plain MD (K)" if with_reference else "late in legs (K)", "difference (K)", "verdict",
    ]  # fmt: skip
    note = "First half of the legs. Constraints and the centre of mass take degrees of freedom."
    return ReportTable(f"Kinetic temperature by {kind}", head, text, note)


def _markov(analysis):
    results = analysis.markov.results
    rows = [
        ["lag", f"{results.lag:g} ps"],
        ["legs longer than it", f"{results.n_legs:,}"],
        ["transitions that do not overlap", f"{results.estimate.n_transitions:,.0f}"],
        [
            "states",
            f"{len(results.stationary_distribution)} ({len(results.estimate.active)} known)",
        ],
        ["frames in states of unknown weight", f"{results.unknown_share:.1%}"],
    ]
    times = results.implied_timescales
    if times["timescales"].size:
        place = int(np.argmin(abs(times["lags"] - results.lag)))
        for process in np.flatnonzero(times["timescales"][place] > results.lag):
            low, high = (times[side][place, process] for side in ("low", "high"))
            text = f"{times['timescales'][place, process]:.3g} [{low:.3g}, {high:.3g}] ps"
            rows.append([f"implied timescale {process + 1}", text])
    for each in analysis.free_energies:
        for side in ("raw", "corrected"):
            if np.isfinite(each.error(side)) and not (
                side == "corrected" and analysis.frames.exact
            ):
                text = f"{each.error(side):.2f} kT (noise {each.noise(side):.2f})"
                rows.append([f"{each.name}: free energy {side} from MD, rms", text])
    return ReportTable("Markov model of the legs", ["", ""], rows)


def number(value):
    """Three digits, or a dash."""
    return f"{value:.3g}" if np.isfinite(value) else "–"


def _share(bounds):
    return "–" if bounds is None else _range(tuple(100 * each for each in bounds), "{:.1f}")


def _range(bounds, form):
    if bounds is None or not np.isfinite(bounds[0]):
        return "–"
    value, low, high = (form.format(each) for each in bounds)
    return f"{value} [{low}, {high}]"
