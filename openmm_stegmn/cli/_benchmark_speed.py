"""``openmm-stegmn benchmark speed``: how long inference and training take, beside floors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._benchmark_options import (
    Output,
    Overwrite,
    chosen,
    counted,
    names,
    print_tables,
)
from ._options import Device
from ._terminal import told, warnings_on_one_line


def speed(
    parts: Annotated[
        str | None,
        typer.Option(
            help="machine, inference, training, precision, atoms, history, batch, profile, start.",
            show_default="all",
        ),
    ] = None,
    cases: Annotated[
        str | None, typer.Option(help="aspirin, protein.", show_default="both")
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(help="Names, separated by commas.", show_default="stegmn,stegmn-paper"),
    ] = None,
    modes: Annotated[
        str | None,
        typer.Option(
            help="eager, script (TorchScript as TorchForce runs it), graph (of CUDA), compile.",
            show_default="those that the device has",
        ),
    ] = None,
    residues: Annotated[int, typer.Option(help="Of the protein.")] = 213,
    atoms: Annotated[
        str | None,
        typer.Option(help="Sizes of the part atoms.", show_default="1000,3000,...,100000"),
    ] = None,
    histories: Annotated[
        str | None, typer.Option(help="T of the part history.", show_default="2,5,10,20,50")
    ] = None,
    batches: Annotated[
        str | None,
        typer.Option(help="Windows at a time of the part batch.", show_default="1,10,100,1000"),
    ] = None,
    threads: Annotated[
        str | None,
        typer.Option(help="CPU threads, each measured.", show_default="1,2; beside a GPU 1"),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Of each measurement.")] = 100,
    seconds: Annotated[
        float, typer.Option(help="Of a measurement, after which it is not repeated further.")
    ] = 5.0,
    limit: Annotated[
        float, typer.Option(help="Seconds after which a size of the part atoms is given up.")
    ] = 120.0,
    device: Device = "auto",
    output: Output = Path("benchmark-speed.json"),
    figure: Annotated[
        Path | None,
        typer.Option(help="SVG of time and memory against atoms.", show_default="none"),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Time inference and training steps, beside what the machine could do at best.

    Rates of the machine are measured first: bytes moved, products, launches. Medians and quartiles
    of repeats after a warm-up, synchronised, with the same made-up inputs for all models and ways
    to run them. What cannot be done here has a line that says why. Run it on an idle machine.
    """
    with warnings_on_one_line():
        from ..benchmarks import SpeedSettings, draw_scaling, run_speed, speed_tables

        with told(lambda: f"interrupted; the same command goes on from {output}"):
            settings = SpeedSettings(
                **chosen(parts=parts, cases=cases, models=models, modes=modes),
                **_numbers(atoms=atoms, histories=histories, batches=batches, threads=threads),
                residues=residues, repeats=repeats, seconds=seconds, limit=limit, device=device,
            )  # fmt: skip
            if figure is not None and "atoms" not in settings.parts:
                raise ValueError("--figure needs --parts atoms: it draws time and memory of those")
            with counted("records") as update:
                records = run_speed(
                    settings, output=output, overwrite=overwrite,
                    progress=lambda *progress: update("all", *progress),
                )  # fmt: skip
            if figure is not None and not draw_scaling(records, figure):
                raise ValueError(
                    f"nothing to draw in {figure}: no size of the part atoms was measured"
                )
    print_tables(speed_tables(records, settings.device))


def _numbers(**texts):
    """Settings that are several numbers each; those not given keep their defaults."""
    found = {}
    for option, text in texts.items():
        if text is None:
            continue
        try:
            found[option] = tuple(int(name) for name in names(text))
        except ValueError:
            raise ValueError(
                f"{option} must be whole numbers with commas between, got {text!r}"
            ) from None
    return found
