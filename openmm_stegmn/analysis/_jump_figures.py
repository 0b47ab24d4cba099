"""Figures of a report: what jumps do along the run."""

import numpy as np

from ._figure_style import COLOURS, panel, thinned

_MOST_MARKS = 400
_CLOCK = "time (ps)"


def jump_figures(analysis):
    """Figures of traces, acceptance, energies, constraints and temperatures.

    Parameters
    ----------
    analysis : TrajectoryAnalysis

    Returns
    -------
    dict of list of (str, str)
        By heading: title and SVG of each figure.
    """
    jumps, found = analysis.jumps.results, {}
    clock = (
        _CLOCK if analysis.frames.replica.max(initial=0) == 0 else f"{_CLOCK}, replicas in a row"
    )
    marks = jumps.running_times[jumps.origins == 1]
    traces = []
    for name, label in (
        ("potential_energy", "potential energy (kJ/mol)"), ("temperature", "temperature (K)"),
    ):  # fmt: skip
        known = np.isfinite(jumps[name])
        if known.any():
            line = None if name == "potential_energy" else analysis.temperature
            draw = _trace(jumps, name, known, (clock, label), marks, line)
            traces.append((label, panel(draw, name)))
    if traces:
        found["Along the run"] = traces
    about = []
    if len(jumps.acceptance["time"]):
        about.append(("acceptance", panel(_acceptance(jumps.acceptance, clock), "acceptance")))
    if np.isfinite(jumps.energy_change).any():
        draw = _energy_changes(jumps.energy_change, jumps.jump_accepted)
        about.append(("energy change", panel(draw, "energy-change")))
    if jumps.relaxation:
        about.append(("relaxation", panel(_relaxation(jumps.relaxation), "relaxation")))
    if np.isfinite(jumps.displacement).any() and analysis.frames.jumped.any():
        about.append(("displacement", panel(_displacements(jumps), "displacement")))
    if about:
        found["Jumps"] = about
    own = []
    if analysis.constraints is not None and len(analysis.constraints.results.pairs):
        own.append(("constraint error", panel(_constraints(analysis, clock), "constraints")))
    for kind, rows in jumps.temperatures.items():
        if len(rows) > 1:
            draw = _temperatures(rows, kind, analysis.temperature)
            own.append((f"temperature by {kind}", panel(draw, f"temperature-{kind}")))
    if own:
        found["Constraints and equipartition"] = own
    return found


def _trace(jumps, name, known, labels, marks, line):
    def draw(axis):
        for replica in np.unique(jumps.replicas[known]):
            own = known & (jumps.replicas == replica)
            times, values = jumps.running_times[own], jumps[name][own]
            axis.plot(*thinned(times, values), color=COLOURS["physical"], linewidth=0.7)
        if line is not None:
            axis.axhline(line, color="#333333", linewidth=0.8, linestyle="--")
        if len(marks):
            step = max(1, -(-len(marks) // _MOST_MARKS))
            axis.plot(
                marks[::step], np.zeros(len(marks[::step])), "|", color=COLOURS["jumped"],
                transform=axis.get_xaxis_transform(), markersize=9, clip_on=False,
            )  # fmt: skip
            every = "" if step == 1 else f" (every {step}th)"
            axis.set_title(f"ticks below: jumps{every}")
        axis.set(xlabel=labels[0], ylabel=labels[1])

    return draw


def _acceptance(table, clock):
    def draw(axis):
        share, error = table["share"], table["error"]
        within = np.minimum(error, share), np.minimum(error, 1 - share)
        axis.errorbar(table["time"], share, within, fmt="o-", capsize=2, markersize=3,
                      color=COLOURS["jumped"])  # fmt: skip
        axis.set(xlabel=clock, ylabel="share accepted", ylim=(-0.03, 1.05))
        axis.set_title("acceptance")

    return draw


def _energy_changes(change, accepted):
    def draw(axis):
        finite = np.isfinite(change)
        low, high = np.quantile(change[finite], [0.005, 0.995])
        room = 0.05 * max(high - low, 1.0)
        edges = np.linspace(low - room, high + room, 40)
        for chosen, label, colour in (
            (accepted, "accepted", COLOURS["jumped"]), (~accepted, "rejected", "#999999"),
        ):  # fmt: skip
            if (chosen & finite).any():
                values = np.clip(change[chosen & finite], edges[0], edges[-1])
                axis.hist(values, edges, color=colour, alpha=0.7, label=label)
        axis.set(xlabel="energy change (kJ/mol)", ylabel="jumps", title="energy change of a jump")
        axis.legend()

    return draw


def _relaxation(rows):
    def draw(axis):
        times, energy, error = (
            np.array([row[name] for row in rows]) for name in ("time", "energy", "error")
        )
        axis.axhline(0, color="#333333", linewidth=0.8)
        axis.errorbar(times, energy, 2 * error, fmt="o-", capsize=2, markersize=3,
                      color=COLOURS["jumped"])  # fmt: skip
        axis.set(xlabel="time since the jump (ps)", ylabel="energy less that of late legs (kJ/mol)")
        axis.yaxis.label.set_fontsize(8.5)
        axis.set_title("energy after a jump\n(bars: two errors)")

    return draw


def _displacements(jumps):
    def draw(axis):
        known = np.isfinite(jumps.displacement)
        highest = np.quantile(jumps.displacement[known], 0.999)
        edges = np.linspace(0, max(highest, 1e-3), 40)
        for chosen, label in ((jumps.origins != 1, "physical"), (jumps.origins == 1, "jumped")):
            values = jumps.displacement[chosen & known]
            if len(values):
                axis.hist(values, edges, density=True, alpha=0.6, label=label,
                          color=COLOURS[label])  # fmt: skip
        axis.set(xlabel="RMSD to the frame before (Å)", ylabel="density", title="displacement")
        axis.legend()

    return draw


def _constraints(analysis, clock):
    results, when = analysis.constraints.results, analysis.jumps.results.running_times

    def draw(axis):
        jumped = results.origins == 1
        for chosen, label in ((~jumped, "physical"), (jumped, "jumped")):
            if chosen.any():
                times, worst = thinned(when[chosen], results.worst[chosen])
                axis.plot(times, np.maximum(worst, 1e-10), ".", color=COLOURS[label],
                          markersize=3, label=label)  # fmt: skip
        axis.axhline(results.resolution, color="#333333", linewidth=0.8, linestyle="--")
        axis.set(yscale="log", xlabel=clock, ylabel="worst relative error")
        axis.set_title("constraint error\n(dashed: rounding of the file)")
        axis.set_ylim(top=axis.get_ylim()[1] * 8)
        axis.legend(ncols=2, loc="upper center", markerscale=3)

    return draw


def _temperatures(rows, kind, target):
    with_reference = any(np.isfinite(row["reference"]) for row in rows)
    other = "reference" if with_reference else "late"

    def draw(axis):
        where = np.arange(len(rows))
        after, error = (np.array([row[name] for row in rows]) for name in ("after_jump", "error"))
        axis.errorbar(where, after, 2 * error, fmt="o", capsize=3, markersize=4,
                      color=COLOURS["jumped"], label="after jumps")  # fmt: skip
        label = "plain MD" if with_reference else "late in legs"
        axis.plot(where, [row[other] for row in rows], "_", color=COLOURS["reference"],
                  markersize=10, label=label)  # fmt: skip
        if target is not None:
            axis.axhline(target, color="#333333", linewidth=0.8, linestyle="--")
        step = max(1, -(-len(rows) // 8))
        axis.set_xticks(where[::step], [row["name"].replace(" ", "\n") for row in rows[::step]])
        axis.set(ylabel="kinetic temperature (K)", title=f"by {kind} (bars: two errors)")
        axis.margins(y=0.25)
        axis.legend(ncols=2, loc="upper center")

    return draw
