"""``openmm-stegmn evaluate``: a model, on trajectories that its training did not see."""

from __future__ import annotations

from typing import Annotated

import typer

from ._data_options import FreeJumps, Memory, System, Threads, Topology, Trajectories
from ._options import Constraints, Device, Forcefields, given_options
from ._terminal import output, told, warnings_on_one_line
from ._train_options import merge_settings


def evaluate(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(help="Name of a packaged model, or path of a model file.")
    ],
    topology: Topology = None,
    trajectory: Trajectories = None,
    system: System = None,
    forcefield: Forcefields = ("amber14-all.xml", "obc2_native.xml"),
    constraints: Constraints = "HBonds",
    free_jumps: FreeJumps = 1000,
    memory: Memory = 1.0,
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Measure a model on trajectories that its training did not see.

    Of a jump model the errors, beside those of linear models that are fitted on the first half of
    the trajectories; all are measured on the second half. Of exact moves the share that is
    accepted. And what free jumps, one after the other, make of the molecule.
    """
    with warnings_on_one_line():
        import torch

        from ..models import load_model
        from ..training_runs import evaluate_on, make_settings

        torch.set_num_threads(threads)
        with told(lambda: "interrupted"):
            loaded = load_model(model)
            given = given_options(context) - {"model"}
            data, settings = make_settings(merge_settings(None, context.params, given))
            found = evaluate_on(
                loaded, *data.load(), device=settings.device, free_jumps=settings.free_jumps
            )
    from ._train_table import measured_tables

    for table in measured_tables(found, loaded):
        output.print(table)
    print(found.verdict)
