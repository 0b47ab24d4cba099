"""``openmm-stegmn benchmark``: the tables of this project, reproduced."""

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
from ._benchmark_speed import speed
from ._benchmark_states import (
    BatchSize,
    Epochs,
    Frames,
    Fused,
    LearningRate,
    adk,
    measured,
    mocap,
    nbody,
)
from ._options import Device
from ._terminal import warnings_on_one_line

_TASKS = ("next", "s2s", "s2t")

benchmark = typer.Typer(help="Reproduce a table of this project.", no_args_is_help=True)


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
    task: Annotated[
        str,
        typer.Option(
            help="next: the frame 5 fs on from 10; s2s, s2t: the state or the trajectory 1.5 ps on "
            "from one state."
        ),
    ] = "next",
    superpose: Annotated[
        bool | None,
        typer.Option(
            help="Superpose all frames on the first, of --task s2s and s2t.",
            show_default="for GFN2-xTB, whose molecules fly",
        ),
    ] = None,
    frames: Frames = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    fused: Fused = False,
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
    test windows. With --task s2s or s2t, other models predict 3,000 steps ahead from one state, the
    last frame or eight on the way; --frames, --epochs, --batch-size and --learning-rate are theirs.
    --data holds ethanol.npz (or md17_ethanol.npz, rmd17_ethanol.npz), and so on, of
    MD17 or rMD17, or made by --generate; tables and records say which.
    """
    with warnings_on_one_line():
        from ..benchmarks import MD17Settings, benchmark_tables, run_md17
        from ..data import frames_needed

        with told_in_benchmark(output, data):
            if task not in _TASKS:
                raise ValueError(f"task must be {', '.join(_TASKS)}, got {task!r}")
            theirs = {
                "frames": frames, "epochs": epochs, "batch_size": batch_size,
                "learning_rate": learning_rate, "fused": fused or None,
            }  # fmt: skip
            if task != "next":
                tables = _from_states(
                    data, task, superpose, molecules, models, seeds, windows, atoms, device, theirs,
                    output, overwrite, generate, steps, processes,
                )  # fmt: skip
                print_tables(tables)
                return
            theirs["superpose"] = superpose
            if given := [name for name, value in theirs.items() if value is not None]:
                raise ValueError(f"--{given[0].replace('_', '-')} is for --task s2s and s2t")
            settings = MD17Settings(
                **chosen(molecules=molecules, models=models), seeds=seeds, windows=windows,
                atoms=atoms, device=device,
            )  # fmt: skip
            if generate:
                needed = frames_needed(
                    training=windows, validation=settings.validation, test=settings.test
                )
                _generate(data, settings, steps, needed, processes)
            with counted("records") as update:
                records = run_md17(
                    data, settings, output=output, overwrite=overwrite, processes=processes,
                    progress=lambda *progress: update("all", *progress),
                )  # fmt: skip
    print_tables(benchmark_tables(records))


def _from_states(
    data, task, superpose, molecules, models, seeds, windows, atoms, device, theirs, output,
    overwrite, generate, steps, processes,
):  # fmt: skip
    """Tables of the tasks that begin with a state."""
    from ..benchmarks import (
        MD17Settings,
        MoleculeSource,
        StateSettings,
        md17_trajectories,
        superposed_molecule,
    )
    from ..data import XTB_METHOD

    if atoms != "heavy":
        raise ValueError(f"--task {task} is of heavy atoms, got --atoms {atoms}")
    settings = StateSettings(**chosen(models=models), seeds=seeds, device=device, **theirs)
    files = MD17Settings(**chosen(molecules=molecules), windows=windows)
    if generate:
        _generate(data, files, steps, MoleculeSource.steps_needed(windows), processes)
    sources = []
    for trajectory in md17_trajectories(data, files):
        if superpose if superpose is not None else trajectory.label == XTB_METHOD:
            trajectory = superposed_molecule(trajectory)
        sources.append(MoleculeSource(trajectory, task, windows))
    return measured(sources, settings, output, overwrite, processes)


def _generate(folder, settings, steps, needed, processes):
    from ..data import XtbSettings, find_md17, generate_trajectories

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
benchmark.command()(nbody)
benchmark.command()(mocap)
benchmark.command()(adk)
benchmark.command()(speed)
