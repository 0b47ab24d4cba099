"""The table that ``openmm-stegmn run`` prints."""

from __future__ import annotations

from ._terminal import two_columns

_WHAT_IT_MEANS = {
    "deterministic": "deterministic: no acceptance test makes it exact, averages are biased",
    "approximate dynamics": "approximate dynamics: its bias must be measured",
    "exact": "exact: leaves the Boltzmann distribution unchanged",
}


def run_table(result):
    """A rich table of a :class:`~openmm_stegmn.runs.RunResult`."""
    summary = result.summary
    jumps = summary["jumps"]
    attempted = jumps["attempted"]
    share = f" ({100 * jumps['accepted'] / attempted:.1f} %)" if attempted else ""
    kind = summary["jump_kind"]
    rows = [
        ("total time", f"{summary['total_time_ps']:g} ps"),
        ("physical time", f"{summary['physical_time_ps']:g} ps"),
        ("jumped time", f"{summary['jumped_time_ps']:g} ps"),
        ("jumps attempted", str(attempted)),
        ("jumps accepted", f"{jumps['accepted']}{share}"),
        ("rejected by energy", str(jumps["rejected_energy"])),
        ("rejected, not finite", str(jumps["rejected_nonfinite"])),
        ("rejected by constraints", str(jumps["rejected_constraints"])),
        ("worst constraint error", f"{jumps['worst_constraint_error']:.1e} (relative, all jumps)"),
        ("wall time in legs", f"{summary['wall_seconds_legs']:.1f} s"),
        ("wall time in jumps", f"{summary['wall_seconds_jumps']:.1f} s"),
        ("speed", f"{_number(summary['ns_per_day'])} ns/day"),
        ("speed of the legs alone", f"{_number(summary['ns_per_day_physical'])} ns/day"),
        ("kind of jump", _WHAT_IT_MEANS.get(kind, kind)),
        ("platform, back-end", f"{summary['platform']}, {summary['backend']}"),
        ("seed", str(summary["seed"])),
    ]
    return two_columns(str(result.folder.path), rows)


def _number(value) -> str:
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
