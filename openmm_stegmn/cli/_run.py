"""``openmm-stegmn run``: a hybrid simulation of a PDB file."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from ._options import Constraints, Forcefields, given_options
from ._terminal import (
    BAD_INPUT,
    FAILED,
    INTERRUPTED,
    command,
    fail,
    messages,
    output,
    tell,
    warnings_on_one_line,
)


def run(
    context: typer.Context,
    pdb: Annotated[
        Path | None,
        typer.Option(help="Structure, with hydrogens.", show_default="alanine dipeptide"),
    ] = None,
    forcefield: Forcefields = ("amber14-all.xml", "obc2_native.xml"),
    constraints: Constraints = "HBonds",
    model: Annotated[
        str, typer.Option(help="Name of a packaged model, or path of a model file.")
    ] = "alanine-dipeptide",
    temperature: Annotated[float, typer.Option(help="In K.")] = 300.0,
    friction: Annotated[float, typer.Option(help="In 1/ps.")] = 1.0,
    time_step: Annotated[float, typer.Option(help="In fs.")] = 2.0,
    equilibration: Annotated[
        float, typer.Option(help="Plain dynamics before the run, in ps.")
    ] = 10.0,
    length: Annotated[float, typer.Option(help="Total time, physical and jumped, in ps.")] = 500.0,
    md_frames: Annotated[
        int | None, typer.Option(help="Physical frames between jumps.", show_default="propagator's")
    ] = None,
    jumps: Annotated[
        int | None, typer.Option(help="Jumps after each leg.", show_default="propagator's")
    ] = None,
    guard: Annotated[
        str | None,
        typer.Option(help="none, energy or metropolis.", show_default="propagator's"),
    ] = None,
    energy_threshold: Annotated[
        float | None,
        typer.Option(help="Of the energy guard, in kJ/mol.", show_default="propagator's"),
    ] = None,
    velocities: Annotated[
        str | None,
        typer.Option(help="Velocities after a jump.", show_default="propagator's"),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Monte Carlo moves that leave the Boltzmann distribution unchanged: shorthand for "
            "--guard metropolis and, unless --model is given, the packaged model that makes them.",
        ),
    ] = False,
    tries: Annotated[
        int | None,
        typer.Option(help="Trials in an exact jump.", show_default="propagator's"),
    ] = None,
    switch_substeps: Annotated[
        int | None,
        typer.Option(
            help="Walk a jump in so many sub-steps, so that explicit solvent can make room.",
            show_default="1",
        ),
    ] = None,
    switch_steps: Annotated[
        int | None, typer.Option(help="Steps of the solvent between sub-steps.", show_default="10")
    ] = None,
    jump_time: Annotated[
        float | None,
        typer.Option(
            help="Time that a drawn jump goes ahead, in ps; for models with a density and guard "
            "energy or none, or with a window of several frames.",
            show_default="model's",
        ),
    ] = None,
    platform: Annotated[
        str, typer.Option(help="OpenMM platform; auto takes the fastest here.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="Of arithmetic on a GPU: single, mixed or double.")
    ] = "mixed",
    backend: Annotated[
        str, typer.Option(help="How OpenMM calls the network: auto, torch or python.")
    ] = "auto",
    fused: Annotated[
        bool,
        typer.Option(
            "--fused",
            help="Fuse the network's kernels on a GPU: a minute at the first jump, then faster.",
        ),
    ] = False,
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            help="CPU threads of the network: more help when idle, stall when busy.",
        ),
    ] = 1,
    energies: Annotated[
        bool,
        typer.Option("--energies", help="Write the energies of each frame to the trajectory too."),
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="Of all random numbers.", show_default="drawn")
    ] = None,
    output_folder: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write.", show_default="<pdb>-hybrid"),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier run in the folder.")] = False,
    restart: Annotated[
        bool,
        typer.Option(
            help="Continue the run in the folder up to --length. Settings that are not given are "
            "those of that run."
        ),
    ] = False,
) -> None:
    """Run a hybrid simulation: physical steps alternated with learned jumps.

    Without options: alanine dipeptide in implicit solvent with its packaged model. Writes a folder
    with topology.pdb, hybrid.h5md, summary.json, and what a restart needs.
    """
    folder = output_folder or Path(f"{pdb.stem if pdb else 'alanine-dipeptide'}-hybrid")
    given = _given(context)
    with warnings_on_one_line():
        import torch

        from ..runs import RunFailedError, hybrid_run

        # Threads wait for each other at every small operation: on a busy machine that made a jump
        # fifty times longer, while on an idle one two threads saved a quarter.
        torch.set_num_threads(threads)
        try:
            settings = _settings(given, folder if restart else None)
            with _progress() as progress:
                result = hybrid_run(
                    settings, folder, overwrite=overwrite, restart=restart, exact=exact,
                    progress=progress,
                )  # fmt: skip
        except ValueError as error:
            fail(str(error), BAD_INPUT)
        except (RunFailedError, OSError) as error:
            fail(str(error), FAILED)
        except KeyboardInterrupt:
            fail("interrupted; nothing has been written since the last checkpoint", INTERRUPTED)
    from ._run_table import run_table

    output.print(run_table(result))
    if result.folder.report.exists():
        tell(
            f"{result.folder.report} is of the run before it went on: {command('analyze', folder)}"
        )
    if not result.completed:
        # The default name of a folder is that of the structure, which would have to be said again.
        tell(f"Interrupted. To continue: {command('run', '--restart', '--output', folder)}")
        raise typer.Exit(INTERRUPTED)


def _given(context: typer.Context) -> dict:
    """The settings that were typed; a restart takes the others from its folder."""
    given = {name: context.params[name] for name in given_options(context)}
    restart = given.pop("restart", False)
    for name in ("output_folder", "overwrite", "threads"):
        given.pop(name, None)
    if given.pop("exact", False):
        packaged = {} if restart else {"model": "alanine-dipeptide-exact"}
        given = {**packaged, "guard": "metropolis"} | given
    if "forcefield" in given:
        given["forcefields"] = tuple(given.pop("forcefield"))
    if "pdb" in given:
        given["pdb"] = str(given["pdb"])
    return given


def _settings(given: dict, restarted: Path | None):
    from ..runs import RunFolder, RunSettings

    stored = RunSettings() if restarted is None else RunFolder(restarted).read_record()[0]
    return dataclasses.replace(stored, **given)


@contextlib.contextmanager
def _progress():
    """A progress bar, as the function that ``hybrid_run`` calls after each frame."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[reached]}"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=messages)
    task = bar.add_task("preparing", total=None, reached="")

    def update(reached, length, statistics):
        bar.start()
        # A clock that adds up time steps ends a rounding error short of the length.
        bar.update(
            task,
            description="running",
            completed=round(reached, 6),
            total=length,
            reached=f"{reached:.0f}/{length:g} ps, "
            f"{statistics.accepted}/{statistics.attempted} jumps accepted",
        )

    # Elsewhere than in a terminal rich prints the bar once, at its end: only if something ran, so
    # that refused input is one line.
    if messages.is_terminal:
        bar.start()
    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()
