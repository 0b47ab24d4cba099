"""``openmm-stegmn benchmark peptides``: long intervals, compared in torsions and positions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._benchmark_options import (
    Data,
    Models,
    Molecules,
    Output,
    Overwrite,
    Processes,
    chosen,
    counted,
    names,
    print_tables,
    told_in_benchmark,
)
from ._options import Device
from ._terminal import warnings_on_one_line


def peptides(
    data: Data = Path("peptides"),
    molecules: Molecules = None,
    models: Models = None,
    intervals: Annotated[
        str, typer.Option(help="Between frames, in ps, separated by commas.")
    ] = "0.1,1,10",
    seeds: Annotated[
        int, typer.Option(min=1, help="Each sets the initial weights and their training.")
    ] = 1,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Of training.", show_default="by molecule"),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Windows in a batch.", show_default="by molecule"),
    ] = None,
    device: Device = "auto",
    output: Output = Path("benchmark-peptides.json"),
    overwrite: Overwrite = False,
    replicas: Annotated[
        int, typer.Option(help="A fifth are for test, a tenth for validation.")
    ] = 32,
    length: Annotated[
        float | None,
        typer.Option(help="Of each replica, in ps.", show_default="by molecule"),
    ] = None,
    equilibration: Annotated[float, typer.Option(help="Of each replica, in ps.")] = 100.0,
    states: Annotated[int, typer.Option(help="That the noise floor is estimated from.")] = 100,
    repeats: Annotated[int, typer.Option(help="From each of them, with fresh noise.")] = 8,
    processes: Processes = 1,
    platform: Annotated[
        str | None,
        typer.Option(help="OpenMM platform.", show_default="the quickest on one core"),
    ] = None,
    generate_only: Annotated[
        bool, typer.Option("--generate-only", help="Make the trajectories, and no more.")
    ] = False,
) -> None:
    """Predict the next frame of two peptides in implicit solvent, 0.1, 1 and 10 ps ahead.

    Alanine dipeptide and chignolin (10 residues) at 300 K. --data gets the trajectories that it
    lacks; interrupted, the same command goes on. Positions are compared after superposing on the
    last frame, torsions on the circle, both beside the noise floor: the spread of repeats from the
    same positions and velocities with fresh noise.
    """
    with warnings_on_one_line():
        from ..benchmarks import (
            PeptideDynamics,
            PeptideSettings,
            peptide_tables,
            peptide_trajectories,
            run_peptides,
        )

        records = []
        with told_in_benchmark(output, data):
            settings = PeptideSettings(
                **chosen(molecules=molecules, models=models), intervals=_numbers(intervals),
                seeds=seeds, steps=steps, batch_size=batch_size, device=device,
                dynamics=PeptideDynamics(
                    replicas=replicas, length=length, equilibration=equilibration,
                    states=states, repeats=repeats,
                ),
            )  # fmt: skip
            how = {"processes": processes, "platform": platform}
            with counted("files") as made, counted("records") as measured:
                if generate_only:
                    for molecule in settings.molecules:
                        peptide_trajectories(
                            data, molecule, settings.intervals, settings.dynamics, **how,
                            progress=lambda what, *count: made(what, what, *count),
                        )  # fmt: skip
                else:
                    records = run_peptides(
                        data, settings, output=output, overwrite=overwrite, **how,
                        made=lambda what, *count: made(what, what, *count),
                        measured=lambda *progress: measured("all", *progress),
                    )  # fmt: skip
        tables = peptide_tables(records)
    print_tables(tables)


def _numbers(text: str) -> tuple:
    try:
        return tuple(float(number) for number in names(text))
    except ValueError as error:
        raise ValueError(f"intervals {text!r}: {error}") from error
