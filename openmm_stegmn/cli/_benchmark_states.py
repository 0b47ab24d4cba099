"""``openmm-stegmn benchmark nbody``, ``mocap`` and ``adk``: from states to trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._benchmark_options import (
    Models,
    Output,
    Overwrite,
    Processes,
    Seeds,
    chosen,
    counted,
    names,
    print_tables,
    told_in_benchmark,
)
from ._options import Device
from ._terminal import warnings_on_one_line

Frames = Annotated[
    int | None,
    typer.Option(min=1, help="Predicted at once, P.", show_default="as published"),
]
Epochs = Annotated[int | None, typer.Option(min=1, help="At most.", show_default="as published")]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Windows in a batch.", show_default="as published")
]
Fused = Annotated[
    bool,
    typer.Option(help="Fuse kernels before training, on a GPU: half a minute, then faster."),
]
LearningRate = Annotated[float | None, typer.Option(help="Of Adam.", show_default="as published")]


def nbody(
    data: Annotated[Path, typer.Option(help="Folder; trajectories that it lacks are made.")] = Path(
        "nbody"
    ),
    training: Annotated[
        int, typer.Option(help="Trajectories; published are 1,000, 3,000 and 10,000.")
    ] = 3000,
    validation: Annotated[int, typer.Option(help="Trajectories.")] = 2000,
    test: Annotated[int, typer.Option(help="Trajectories.")] = 2000,
    models: Models = None,
    seeds: Seeds = 3,
    frames: Frames = None,
    decode: Annotated[
        str,
        typer.Option(help="Numbers of frames to decode operators at too, separated by commas."),
    ] = "",
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    fused: Fused = False,
    device: Device = "auto",
    output: Output = Path("benchmark-nbody.json"),
    overwrite: Overwrite = False,
    processes: Processes = 1,
) -> None:
    """Predict where five charged particles are, 1,000 steps ahead.

    The published protocol: 3,000 training, 2,000 validation and 2,000 test trajectories, five
    frames on the way. egno-l is trained on the last five frames, egno-t2t reads five states, and
    egno-none, -h, -xv, -hx convolve only these in time.
    """
    with warnings_on_one_line():
        from ..benchmarks import NBodySource, StateSettings

        with told_in_benchmark(output, data):
            settings = StateSettings(
                **chosen(models=models), seeds=seeds, frames=frames, decode=_whole(decode),
                epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, fused=fused,
                device=device,
            )  # fmt: skip
            source = NBodySource(data, training, validation, test)
            with counted("trajectories") as update:
                source.make(lambda part, done, total: update(part, part, done, total))
            tables = measured([source], settings, output, overwrite, processes)
    print_tables(tables)


def mocap(
    data: Annotated[
        Path,
        typer.Option(
            help="A benchmark's arrays (.npz), or a folder with one .asf and several .amc."
        ),
    ],
    motion: Annotated[
        str, typer.Option(help="run or walk: whose published figures stand beside.")
    ] = "run",
    training: Annotated[int, typer.Option(help="Windows.")] = 200,
    models: Models = None,
    seeds: Seeds = 3,
    frames: Frames = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    fused: Fused = False,
    device: Device = "auto",
    output: Output = Path("benchmark-mocap.json"),
    overwrite: Overwrite = False,
    processes: Processes = 1,
) -> None:
    """Predict how somebody moves, 30 frames ahead, from motion capture.

    The published protocol: 200 training windows, at most 600 each for validation and test, joints
    up to two bones away as neighbours, and the height of each joint as a feature. Because of the
    height networks are equivariant about the vertical axis only.
    """
    with warnings_on_one_line():
        from ..benchmarks import MotionSource, StateSettings

        with told_in_benchmark(output, data):
            if motion not in ("run", "walk"):
                raise ValueError(f"motion must be 'run' or 'walk', got {motion!r}")
            settings = StateSettings(
                **chosen(models=models), seeds=seeds, frames=frames, epochs=epochs,
                batch_size=batch_size, learning_rate=learning_rate, fused=fused, device=device,
            )  # fmt: skip
            source = MotionSource(data, training)
            tables = measured([source], settings, output, overwrite, processes, motion)
    print_tables(tables)


def adk(
    topology: Annotated[Path, typer.Option(help="With charges, such as PSF or PQR.")],
    trajectory: Annotated[
        list[Path], typer.Option(help="File, or folder of .dcd and .xtc; repeat it for several.")
    ],
    selection: Annotated[
        str, typer.Option(help="Atoms, in the language of MDAnalysis.")
    ] = "backbone",
    superpose: Annotated[
        str | None,
        typer.Option(
            help="Atoms that frames are superposed on; core: of the domain of adenylate kinase "
            "that moves least.",
            show_default="frames as they are",
        ),
    ] = None,
    task: Annotated[
        str, typer.Option(help="s2s: from one state; next: the next frame from ten, as STEGMN.")
    ] = "s2s",
    ahead: Annotated[
        int, typer.Option(min=1, help="Frames to what is predicted, of --task s2s.")
    ] = 15,
    radius: Annotated[float, typer.Option(help="Å, within which atoms are neighbours.")] = 10.0,
    models: Models = None,
    seeds: Seeds = 3,
    frames: Frames = None,
    epochs: Epochs = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of training, of --task next.", show_default="5000")
    ] = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    fused: Fused = False,
    device: Device = "auto",
    output: Output = Path("benchmark-adk.json"),
    overwrite: Overwrite = False,
    processes: Processes = 1,
) -> None:
    """Predict the backbone of adenylate kinase, 15 frames ahead.

    The published protocol, on its trajectory (MDAnalysisData.datasets.fetch_adk_equilibrium) or any
    other: 2,481 of 4,186 frames for training, 827 for validation, 878 for test, and of other
    trajectories the same shares. examples/simulate_adk.py makes one. With --task next other models
    (all that openmm-stegmn train knows) read ten frames and predict the next.
    """
    with warnings_on_one_line():
        from ..benchmarks import (
            NextFrameSettings,
            ProteinSource,
            StateSettings,
            next_frame_tables,
            run_next_frames,
        )
        from ..data import ADK_CORE

        with told_in_benchmark(output, topology):
            if task not in ("s2s", "next"):
                raise ValueError(f"task must be 's2s' or 'next', got {task!r}")
            of_states = {
                "frames": frames, "epochs": epochs, "learning_rate": learning_rate,
                "fused": fused or None,
            }  # fmt: skip
            strange = {"steps": steps} if task == "s2s" else of_states
            if given := [name for name, value in strange.items() if value is not None]:
                raise ValueError(f"--{given[0].replace('_', '-')} is not for --task {task}")
            source = ProteinSource(
                topology, tuple(trajectory), selection,
                ADK_CORE if superpose == "core" else superpose, radius,
                ahead if task == "s2s" else 1,
            )  # fmt: skip
            everyone = {"seeds": seeds, "batch_size": batch_size, "device": device}
            how = {"output": output, "overwrite": overwrite, "processes": processes}
            if task == "s2s":
                settings = StateSettings(**chosen(models=models), **everyone, **of_states)
                tables = measured([source], settings, **how)
            else:
                settings = NextFrameSettings(**chosen(models=models), **everyone, steps=steps)
                with counted("records") as update:
                    records = run_next_frames(
                        source, settings, **how,
                        progress=lambda *progress: update("all", *progress),
                    )  # fmt: skip
                tables = next_frame_tables(records)
    print_tables(tables)


def measured(sources, settings, output, overwrite, processes, motion="run"):
    """Tables of what state networks make of some data."""
    from ..benchmarks import run_states, state_tables

    with counted("records") as update:
        records = run_states(
            sources, settings, output=output, overwrite=overwrite, processes=processes,
            progress=lambda *progress: update("all", *progress),
        )  # fmt: skip
    return state_tables(records, motion)


def _whole(text: str) -> tuple:
    try:
        return tuple(int(number) for number in names(text))
    except ValueError as error:
        raise ValueError(f"decode {text!r}: {error}") from error
