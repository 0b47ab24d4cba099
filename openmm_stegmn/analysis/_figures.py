"""Figures of a report: what the ensemble looks like."""

import numpy as np

from ._figure_style import COLOURS, LABELS, centres, degrees_axis, panel

_HIGHEST = 6.0  # kT


def ensemble_figures(analysis):
    """Figures of free energies, of distances between frames, and of the Markov model.

    Parameters
    ----------
    analysis : TrajectoryAnalysis

    Returns
    -------
    dict of list of (str, str)
        By heading: title and SVG of each figure.
    """
    found = {}
    for number, each in enumerate(analysis.free_energies):
        sides = [side for side in LABELS if getattr(each, side) is not None]
        if analysis.frames.exact:
            sides = [side for side in sides if side != "corrected"]
        if len(each.axes) == 2:
            order = [side for side in ("reference", "raw", "corrected") if side in sides]
            found[f"Ramachandran, {each.name}"] = [
                (LABELS[side], panel(_map(getattr(each, side), each.axes, LABELS[side]),
                                     f"map-{number}-{side}"))
                for side in order
            ]  # fmt: skip
        found[f"Free energy, {each.name}"] = [
            (axis, panel(_profile(profile, sides, axis), f"profile-{number}-{place}"))
            for place, (axis, profile) in enumerate(zip(each.axes, each.profiles, strict=True))
        ]
    comparisons = analysis.comparison.results.comparisons
    if comparisons:
        found["Distances and their noise"] = [
            (f"{left}, {right}", panel(_distances(comparisons, left, right), f"distance-{n}"))
            for n, (left, right) in enumerate(
                dict.fromkeys((c.left, c.right) for c in comparisons)
            )
        ]  # fmt: skip
    if analysis.markov is not None:
        times = analysis.markov.results.implied_timescales
        own = [("implied timescales", panel(_timescales(times), "timescales"))]
        rows = analysis.markov.results.chapman_kolmogorov
        if rows:
            own.append(("Chapman–Kolmogorov test", panel(_prediction(rows), "prediction")))
        found["Markov model of the legs"] = own
    return found


def _map(free_energy, axes, title):
    def draw(axis):
        energy = np.where(np.isfinite(free_energy.energy), free_energy.energy, np.nan)
        edges = [np.rad2deg(each) for each in free_energy.edges]
        mesh = axis.pcolormesh(*edges, energy.T, cmap="viridis", vmin=0, vmax=_HIGHEST)
        axis.figure.colorbar(mesh, ax=axis, label="free energy (kT)", shrink=0.9)
        axis.set(title=title, xlabel=f"{axes[0]} (°)", ylabel=f"{axes[1]} (°)")
        degrees_axis(axis, "x")
        degrees_axis(axis, "y")
        axis.grid(False)

    return draw


def _profile(profile, sides, name):
    def draw(axis):
        highest = 1.0
        for side in sides:
            own = profile[side]
            if own is None:
                continue
            where = centres(own.edges[0])
            known = np.isfinite(own.energy)
            high = np.where(np.isfinite(own.high), own.high, 50.0)
            axis.fill_between(
                where, own.low, high, where=known, step="mid", color=COLOURS[side], alpha=0.22,
                linewidth=0,
            )  # fmt: skip
            axis.step(
                where, np.where(known, own.energy, np.nan), where="mid", color=COLOURS[side],
                label=LABELS[side],
            )  # fmt: skip
            highest = max(highest, own.energy[known].max(initial=0))
        axis.set(title=f"{name}, 95 % intervals", xlabel=f"{name} (°)", ylabel="free energy (kT)")
        axis.set_ylim(-0.4, 1.1 * highest + 0.5)
        axis.figure.legend(
            loc="outside lower center", ncols=len(sides), columnspacing=0.8, handlelength=1.2
        )
        degrees_axis(axis, "x")

    return draw


def _distances(comparisons, left, right):
    own = [c for c in comparisons if (c.left, c.right) == (left, right) and c.floor_95 > 0]

    def draw(axis):
        rows = np.arange(len(own))[::-1]
        # Distances have different units: all in their noise's.
        value, error, floor = (
            np.array([getattr(c, name) / c.floor_95 for c in own])
            for name in ("value", "error", "floor")
        )
        axis.axvspan(0, 1, color="#999999", alpha=0.25, linewidth=0)
        axis.errorbar(value, rows, xerr=error, fmt="o", color=COLOURS["raw"], capsize=3)
        axis.plot(floor, rows, "|", color="#333333", markersize=11)
        axis.set_yticks(rows, [c.observable.replace("radius of gyration", "radius of\ngyration")
                               .replace("secondary structure", "secondary\nstructure")
                               for c in own])  # fmt: skip
        axis.set(xlabel="distance / 95 % of noise", title=f"{left}\nagainst {right}")
        axis.set_ylim(-0.6, len(own) - 0.4)
        axis.set_xlim(left=0)
        axis.grid(axis="y", visible=False)

    return draw


def _timescales(times):
    def draw(axis):
        lags = times["lags"]
        for process in range(times["timescales"].shape[1]):
            colour = f"C{process}"
            low, high = (times[side][:, process] for side in ("low", "high"))
            axis.fill_between(lags, low, high, color=colour, alpha=0.2, linewidth=0)
            axis.plot(lags, times["timescales"][:, process], "o-", color=colour, markersize=3)
        axis.fill_between(lags, lags, color="#999999", alpha=0.35, linewidth=0)
        axis.set(
            yscale="log", xlabel="lag (ps)", ylabel="timescale (ps)",
            title="implied timescales\n(grey: shorter than the lag)",
        )  # fmt: skip
        if not times["timescales"].size:
            axis.text(0.5, 0.5, "none", ha="center", transform=axis.transAxes)

    return draw


def _prediction(rows):
    def draw(axis):
        lags = np.array([row["lag"] for row in rows])
        for number in range(len(rows[0]["predicted"])):
            colour = f"C{number}"
            predicted, low, high, estimated, below, above = (
                np.array([row[name][number] for row in rows])
                for name in (
                    "predicted", "low", "high", "estimated", "estimated_low", "estimated_high"
                )
            )  # fmt: skip
            axis.fill_between(lags, low, high, color=colour, alpha=0.2, linewidth=0)
            axis.plot(lags, predicted, color=colour, label=f"set {number + 1}")
            errors = np.maximum([estimated - below, above - estimated], 0)
            axis.errorbar(lags, estimated, errors, fmt="o", color=colour, markersize=4, capsize=3)
        axis.set(xlabel="lag (ps)", ylabel="probability to stay", ylim=(0, 1.05))
        axis.set_title("Chapman–Kolmogorov test\n(line: predicted, dots: seen)")
        axis.legend()

    return draw
