"""Logs of training: a table for spreadsheets, and what TensorBoard reads where it is installed."""

import csv
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

#: Of a training folder
TABLE, CURVE, CHECKPOINT = "metrics.csv", "learning_curve.png", "last.ckpt"


def loggers(folder: Path, resume: bool) -> list:
    """Loggers that write into a folder; TensorBoard's only if ``tensorboard`` is installed.

    Parameters
    ----------
    folder : Path
    resume : bool
        Whether training goes on from the checkpoint in the folder. The table then keeps its lines
        up to there.
    """
    rows = _rows_before(folder) if resume else []
    table = CSVLogger(folder, name="", version="")
    with warnings.catch_warnings():
        # It deletes the table that is there, which is written again.
        warnings.filterwarnings("ignore", message="Experiment logs directory")
        for row in rows:
            table.experiment.log_metrics(row, int(row["step"]))
        table.save()
    if find_spec("tensorboard") is None:
        return [table]
    return [table, TensorBoardLogger(folder, name="", version="tensorboard")]


def read_table(folder: Path) -> list[dict[str, float]]:
    """Lines of the table, without what they leave open: step, loss, validation, ratio."""
    path = folder / TABLE
    if not path.is_file():
        return []
    with open(path, newline="") as lines:
        return [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(lines)
        ]


def draw_curve(folder: Path) -> None:
    """Draw the table of a training folder into it, as PNG."""
    # Takes longer to import than everything else here.
    from matplotlib.figure import Figure

    rows = read_table(folder)
    names = [name for name in ("loss", "validation", "ratio") if any(name in row for row in rows)]
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    for name in names:
        label = "error, relative to the best baseline" if name == "ratio" else name
        points = [(row["step"], row[name]) for row in rows if name in row]
        axes.plot(*zip(*points, strict=True), label=label, marker="." if name != "loss" else None)
    axes.set_xlabel("optimiser steps")
    axes.set_ylabel("loss")
    if names:
        axes.legend()
    figure.savefig(folder / CURVE, dpi=150)


def _rows_before(folder):
    done = torch.load(folder / CHECKPOINT, weights_only=True)["global_step"]
    return [row for row in read_table(folder) if row["step"] <= done]
