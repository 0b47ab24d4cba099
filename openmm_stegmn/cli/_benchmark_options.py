"""Options that every benchmark has, and how its progress and its tables are shown."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Annotated

import typer

from ._terminal import messages, output, told

Data = Annotated[Path, typer.Option(help="Folder with the trajectories.")]
Molecules = Annotated[
    str | None, typer.Option(help="Names, separated by commas.", show_default="all")
]
Models = Annotated[str | None, typer.Option(help="Names, separated by commas.", show_default="all")]
Seeds = Annotated[
    int, typer.Option(min=1, help="Each sets the split, the initial weights and their training.")
]
Windows = Annotated[int, typer.Option(min=1, help="Training windows.")]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o",
        help="JSON file of records, written after each; those in it are not made again.",
    ),
]  # fmt: skip
Processes = Annotated[
    int, typer.Option(min=1, help="Trajectories made, and models trained, at the same time.")
]
Overwrite = Annotated[bool, typer.Option(help="Make the records in --output again.")]


def names(text: str) -> tuple:
    """Names that are separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def chosen(**texts: str | None) -> dict:
    """Settings that name several things each; those not given keep their defaults."""
    return {option: names(text) for option, text in texts.items() if text is not None}


def told_in_benchmark(results: Path, data: Path):
    """Tell what goes wrong in a benchmark, in one line and by the exit code."""
    return told(lambda: f"interrupted; the same command goes on from {results} and {data}")


@contextlib.contextmanager
def counted(unit: str):
    """A progress bar, as a function of (what is done now, done, in all).

    Where stderr is no terminal, a line for each new thing that is done.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    # Lightning announces devices and the end of each training run.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit),
        TimeElapsedColumn(), TimeRemainingColumn(), console=messages,
    )  # fmt: skip
    tasks = {}

    def update(task, description, done, total):
        if not messages.is_terminal:
            messages.print(
                f"{description} ({done}/{total} {unit})", soft_wrap=True, highlight=False
            )
            return
        bar.start()
        if task not in tasks:
            tasks[task] = bar.add_task(description, total=total)
        bar.update(tasks[task], description=description, completed=done, total=total)

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()


def print_tables(tables) -> None:
    """Print tables on stdout; in a pipe or a file, as Markdown."""
    from rich.table import Table

    for table in tables:
        if not output.is_terminal:
            print(table.markdown(), end="\n\n")
            continue
        shown = Table(title=table.title, title_justify="left", title_style="bold")
        for number, name in enumerate(table.head):
            shown.add_column(name, style="cyan" if number == 0 else None, no_wrap=number == 0)
        for row in table.rows:
            shown.add_row(*row)
        output.print(shown)
