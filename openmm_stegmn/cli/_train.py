"""``openmm-stegmn train``: trajectories in, a model file out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._benchmark_options import counted
from ._data_options import FreeJumps, Memory, System, Threads, Topology, Trajectories
from ._options import Constraints, Device, Forcefields, given_options
from ._terminal import command, messages, output, tell, told, warnings_on_one_line
from ._train_options import check_output, merge_settings


def train(
    context: typer.Context,
    topology: Topology = None,
    trajectory: Trajectories = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of settings, such as examples/everything.yaml; options win over it.",
            show_default="",
        ),
    ] = None,
    system: System = None,
    forcefield: Forcefields = ("amber14-all.xml", "obc2_native.xml"),
    constraints: Constraints = "HBonds",
    target: Annotated[
        str,
        typer.Option(
            help="jump: the frame that follows a window. proposal: the density of exact moves."
        ),
    ] = "jump",
    model: Annotated[
        str | None,
        typer.Option(help="Architecture.", show_default="stegmn, or stegmn-proposal"),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="Of the architecture, such as kinematics=elastic; repeat for several."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Model of the same molecule to start from, packaged or a file; its architecture "
            "and history are kept.",
            show_default="new weights",
        ),
    ] = None,
    history: Annotated[
        int | None,
        typer.Option(
            help="Frames in a window. Of a proposal: 1 for exact moves, more for dynamics.",
            show_default="10, or 1 of a proposal",
        ),
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option(
            help="Frames that one evaluation predicts; a jump goes to the last.",
            show_default="5 of egno, egno-rigid and eghno, else 1",
        ),
    ] = None,
    frame_interval: Annotated[
        float | None,
        typer.Option(
            help="Between frames of a window, in ps: a multiple of that of the trajectories.",
            show_default="that of the trajectories",
        ),
    ] = None,
    times: Annotated[
        str | None,
        typer.Option(
            help="That a proposal is trained for beside the equilibrium, in ps, separated by "
            "commas.",
            show_default="1, 2, 5, 10, 20 and 50 frame intervals",
        ),
    ] = None,
    block: Annotated[
        int | None,
        typer.Option(help="Most bonds that a move of a proposal turns.", show_default="all"),
    ] = None,
    components: Annotated[
        int | None, typer.Option(help="Of the density of a proposal.", show_default="48")
    ] = None,
    temperature: Annotated[float, typer.Option(help="Of the trajectories, in K.")] = 300.0,
    steps: Annotated[int, typer.Option(help="Of the optimiser.")] = 4000,
    batch_size: Annotated[int, typer.Option(help="Windows in a batch.")] = 256,
    learning_rate: Annotated[float, typer.Option(help="At its peak.")] = 2e-3,
    seed: Annotated[int, typer.Option(help="Of initial weights and the order of windows.")] = 2026,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many validations, 50 steps each, without a lower loss.",
            show_default="never",
        ),
    ] = None,
    fine_tune: Annotated[
        int | None,
        typer.Option(
            help="Steps of training a proposal for acceptance, by energies, after that on the "
            "trajectories.",
            show_default="none",
        ),
    ] = None,
    free_jumps: FreeJumps = 1000,
    memory: Memory = 1.0,
    device: Device = "auto",
    devices: Annotated[
        int, typer.Option(help="Processes on each machine, one a GPU, which share each batch.")
    ] = 1,
    nodes: Annotated[
        int, typer.Option(help="Machines; the processes are then started by SLURM or torchrun.")
    ] = 1,
    threads: Threads = 1,
    output_file: Annotated[
        Path, typer.Option("--output", "-o", help="Model file to write.")
    ] = Path("model.safetensors"),
    resume: Annotated[
        bool, typer.Option(help="Go on with the same training after it was stopped.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option(help="Replace an existing model file, and the folder of its training.")
    ] = False,
) -> None:
    """Train a model on your own trajectories, and measure it on a part that is held out.

    Of three trajectories or more whole ones are held out, else the last fifth of each: half of it
    chooses the weights, half is measured on. Beside model.safetensors the folder model.training
    gets checkpoints, a table of losses (and what TensorBoard reads, if it is installed) and the
    learning curve.
    """
    with warnings_on_one_line():
        import torch

        from ..models import save_model
        from ..training_runs import check_folder, make_settings, train_on, training_folder

        torch.set_num_threads(threads)
        with told(lambda: _interrupted(output_file)):
            check_output(output_file, overwrite)
            folder = training_folder(output_file)
            check_folder(folder, resume, overwrite)
            data, settings = make_settings(
                merge_settings(config, context.params, given_options(context))
            )
            molecule, trajectories = data.load(folder.absolute().parent, settings.devices)
            with counted("steps") as update:
                result = train_on(
                    molecule, trajectories, settings, progress=messages.is_terminal,
                    tuned=_bar(update) if messages.is_terminal else None,
                    folder=folder, resume=resume, overwrite=overwrite,
                )  # fmt: skip
            if result is None:
                # One of the processes that only help
                return
            save_model(result.model, output_file)
    from ._train_table import measured_tables

    for table in measured_tables(result, result.model):
        output.print(table)
    print(result.verdict)
    how = _how_to_run(data, settings, result.model, output_file)
    tell(f"Saved {output_file}, and how it was trained in {folder}{how}")


def _interrupted(output_file):
    from ..training_runs import training_folder

    begun = training_folder(output_file).exists()
    how = ", the same command with --resume goes on" if begun else ""
    return f"interrupted; no model has been written{how}"


def _how_to_run(data, settings, model, output_file) -> str:
    """The command that uses a model, with what was said of the molecule."""
    if data.system is not None or not data.has_forces:
        return "; in a script: STEGMNPropagator(system, topology, load_model(...), ...)"
    proposal = settings.target == "proposal"
    words = ["--exact"] if proposal and not model.uses_window else []
    words += ["--pdb", data.topology, "--model", output_file]
    words += [word for name in data.forcefield or () for word in ("--forcefield", name)]
    if data.constraints is not None:
        words += ["--constraints", data.constraints]
    if settings.temperature != type(settings).temperature:
        words += ["--temperature", settings.temperature]
    if proposal and model.uses_window:
        words += ["--jump-time", f"{model.jump_frames * model.frame_interval:g}"]
    return f". To use it: {command('run', *words)}"


def _bar(update):
    """What fine-tuning calls after each step."""
    return lambda done, total, acceptance: update(
        "tuning", f"fine-tuning, {acceptance:.0%} accepted", done, total
    )
