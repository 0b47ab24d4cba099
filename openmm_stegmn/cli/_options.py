"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Forcefields = Annotated[
    list[str], typer.Option(help="OpenMM force-field file; repeat for several.")
]
Constraints = Annotated[str, typer.Option(help="HBonds, AllBonds, HAngles or None.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


def given_options(context: typer.Context) -> set[str]:
    """Names of the options that are on the command line."""
    return {
        name for name in context.params
        if context.get_parameter_source(name).name == "COMMANDLINE"
    }  # fmt: skip
