"""Time and memory of inference against the number of atoms."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from ..atomic_files import atomic_file
from ._speed_record import SpeedRecord


def draw_scaling(records: Iterable[SpeedRecord], path) -> bool:
    """Draw time and memory against atoms, both axes logarithmic, as SVG.

    Parameters
    ----------
    records : iterable of SpeedRecord
        Those of the part ``atoms`` that did not fail are drawn.
    path : path-like

    Returns
    -------
    bool
        Whether there was anything to draw.
    """
    lines: dict[str, list[SpeedRecord]] = {}
    for record in records:
        if record.part == "atoms" and record.failure is None:
            threads = f", {record.threads} threads" if record.threads > 1 else ""
            lines.setdefault(f"{record.model}{threads}", []).append(record)
    if not lines:
        return False
    with matplotlib.rc_context({"svg.hashsalt": "openmm-stegmn"}):  # same in, same out
        figure = Figure(figsize=(8.0, 3.4), layout="constrained")
        time, memory = figure.subplots(1, 2)
        for name, found in lines.items():
            found = sorted(found, key=lambda record: record.n_atoms)
            atoms = [record.n_atoms for record in found]
            time.plot(atoms, [record.measured["ms"] for record in found], "o-", label=name)
            memory.plot(atoms, [memory_of(record) for record in found], "o-", label=name)
        for axes, label in ((time, "time (ms)"), (memory, "peak of memory (MB)")):
            axes.set(xscale="log", yscale="log", xlabel="atoms", ylabel=label)
            axes.grid(alpha=0.3)
        time.legend()
        with atomic_file(Path(path)) as file:
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return True


def memory_of(record: SpeedRecord) -> float | None:
    """Peak of the GPU's memory, else of the process's, MB; None where neither is known."""
    on_gpu = record.measured["MB"]
    return record.measured.get("host_MB") if on_gpu is None else on_gpu
