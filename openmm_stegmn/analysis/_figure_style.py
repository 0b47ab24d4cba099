"""How figures look: narrow panels, so that one fits a phone and three fit a screen."""

import io
import re

import matplotlib
import numpy as np
from matplotlib.figure import Figure

#: Colours of what is shown, told apart by people who see colours differently (Okabe and Ito).
COLOURS = {
    "raw": "#0072B2", "corrected": "#D55E00", "reference": "#333333", "physical": "#0072B2",
    "jumped": "#E69F00",
}  # fmt: skip
LABELS = {"raw": "hybrid, as it is", "corrected": "hybrid, corrected", "reference": "MD"}
_SIZE = (3.7, 3.1)
_MOST_POINTS = 1500
_STYLE = {
    "font.size": 9.5, "axes.titlesize": 10.5, "axes.spines.top": False,
    "axes.spines.right": False, "legend.frameon": False, "legend.fontsize": 8.5,
    "svg.fonttype": "path", "axes.grid": True, "grid.alpha": 0.25, "lines.linewidth": 1.3,
}  # fmt: skip


def panel(draw, name) -> str:
    """One figure as SVG.

    Parameters
    ----------
    draw : callable
        Of a matplotlib Axes.
    name : str
        Unique in a page: names inside of an SVG are made from it.
    """
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": "openmm-stegmn"}):  # same in, same out
        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    # Several SVGs in one page must not share names.
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", file.getvalue())


def thinned(*series):
    """Every so many values of each, for a line that a page can hold."""
    step = max(1, -(-len(series[0]) // _MOST_POINTS))
    return [values[::step] for values in series]


def degrees_axis(axis, which):
    """Ticks from -180° to 180°."""
    ticks = range(-180, 181, 90)
    getattr(axis, f"set_{which}lim")(-180, 180)
    getattr(axis, f"set_{which}ticks")(ticks)


def centres(edges):
    """Of bins of angles, degrees."""
    return np.rad2deg((edges[1:] + edges[:-1]) / 2)
