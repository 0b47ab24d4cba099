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
        Those of the part ``atoms`` that did not fail are drawn; of several machines each has lines
        of its own.
    path : path-like

    Returns
    -------
    bool
        Whether there was anything to draw.
    """
    drawn = [each for each in records if each.part == "atoms" and each.failure is None]
    if not drawn:
        return False
    machines = {record.hardware for record in drawn}
    lines: dict[str, list[SpeedRecord]] = {}
    for record in drawn:
        name = record.model if len(machines) == 1 else f"{record.model}, {record.hardware}"
        threads = f", {record.threads} threads" if record.threads > 1 else ""
        lines.setdefault(f"{name}{threads}", []).append(record)
    with matplotlib.rc_context({"svg.hashsalt": "openmm-stegmn"}):  # same in, same out
        figure = Figure(figsize=(8.0, 3.8), layout="constrained")
        time, memory = figure.subplots(1, 2)
        for name, found in lines.items():
            found = sorted(found, key=lambda record: record.n_atoms)
            atoms = [record.n_atoms for record in found]
            time.plot(atoms, [record.measured["ms"] for record in found], "o-", label=name)
            memory.plot(atoms, [memory_of(record) for record in found], "o-", label=name)
        for axes, label in ((time, "time (ms)"), (memory, "peak of memory (MB)")):
            axes.set(xscale="log", yscale="log", xlabel="atoms", ylabel=label)
            axes.grid(alpha=0.3)
        # names of machines are long
        figure.legend(*time.get_legend_handles_labels(), loc="outside lower center")
        with atomic_file(Path(path)) as file:
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return True


def memory_of(record: SpeedRecord) -> float | None:
    """Peak of the GPU's memory, else of the process's, MB; None where neither is known."""
    on_gpu = record.measured["MB"]
    return record.measured.get("host_MB") if on_gpu is None else on_gpu
