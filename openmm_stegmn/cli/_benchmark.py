"""``openmm-stegmn benchmark``: the accuracy tables of this project, reproduced."""

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
    Seeds,
    Windows,
    chosen,
    counted,
    print_tables,
    told_in_benchmark,
)
from ._benchmark_peptides import peptides
from ._benchmark_sampling import sampling
from ._options import Device
from ._terminal import warnings_on_one_line

benchmark = typer.Typer(help="Reproduce an accuracy table of this project.", no_args_is_help=True)


@benchmark.command()
def md17(
    data: Data = Path("md17-gfn2-xtb"),
    molecules: Molecules = None,
    models: Models = None,
    seeds: Seeds = 3,
    windows: Windows = 500,
    atoms: Annotated[
        str, typer.Option(help="Input: heavy or all. Errors are those of heavy atoms.")
    ] = "heavy",
    device: Device = "auto",
    output: Output = Path("benchmark-md17.json"),
    overwrite: Overwrite = False,
    generate: Annotated[
        bool,
        typer.Option(
            help="Make the trajectories that --data lacks with GFN2-xTB, at 500 K. "
            "Interrupted, it goes on where it was."
        ),
    ] = False,
    steps: Annotated[
        int, typer.Option(min=1, help="Of each trajectory made, of 0.5 fs each.")
    ] = 60_000,
    processes: Processes = 1,
) -> None:
    """Predict the next frame, 5 fs ahead, of eight small molecules at 500 K.

    The published protocol: heavy atoms, 10 past frames, 500 training, 2,000 validation and 2,000
    test windows. --data holds ethanol.npz (or md17_ethanol.npz, rmd17_ethanol.npz), and so on, of
    MD17 or rMD17, or made by --generate; tables and records say which.
    """
    with warnings_on_one_line():
        from ..benchmarks import MD17Settings, benchmark_tables, run_md17

        with told_in_benchmark(output, data):
            settings = MD17Settings(
                **chosen(molecules=molecules, models=models), seeds=seeds, windows=windows,
                atoms=atoms, device=device,
            )  # fmt: skip
            if generate:
                _generate(data, settings, steps, processes)
            with counted("records") as update:
                records = run_md17(
                    data, settings, output=output, overwrite=overwrite, processes=processes,
                    progress=lambda *progress: update("all", *progress),
                )  # fmt: skip
    print_tables(benchmark_tables(records))


def _generate(folder, settings, steps, processes):
    from ..data import XtbSettings, find_md17, frames_needed, generate_trajectories

    needed = frames_needed(
        training=settings.windows, validation=settings.validation, test=settings.test
    )
    if steps < needed:
        raise ValueError(
            f"--steps {steps}: too few for {settings.windows} training, {settings.validation} "
            f"validation and {settings.test} test windows, which need {needed}"
        )
    # A file under a name of MD17 or rMD17 serves as it is.
    lacking = [
        molecule
        for molecule in settings.molecules
        if (path := find_md17(folder, molecule)) is None or path.name == f"{molecule}.npz"
    ]
    with counted("steps") as update:
        generate_trajectories(
            folder, lacking, XtbSettings(steps=steps), processes=processes,
            progress=lambda molecule, done, total: update(
                molecule, f"GFN2-xTB, {molecule}", done, total
            ),
        )  # fmt: skip


benchmark.command()(peptides)
benchmark.command()(sampling)
