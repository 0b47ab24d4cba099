"""Options that say which molecule and trajectories, of ``train`` and ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Topology = Annotated[
    Path | None,
    typer.Option(
        help="PDB file of the atoms in the trajectories, hydrogens included.", show_default=""
    ),
]
Trajectories = Annotated[
    list[Path] | None,
    typer.Option(help="Any format that MDAnalysis reads and that states times; repeat it."),
]
System = Annotated[
    Path | None,
    typer.Option(help="Serialised OpenMM System, in place of a force field.", show_default=""),
]
Forcefields = Annotated[
    list[str], typer.Option(help="OpenMM force-field file; repeat for several.")
]
Constraints = Annotated[str, typer.Option(help="HBonds, AllBonds, HAngles or None.")]
Memory = Annotated[float, typer.Option(help="GB that frames may take; more are kept on a disk.")]
FreeJumps = Annotated[
    int,
    typer.Option(help="One after the other, after which the molecule is looked at; 0 for none."),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads of the network.")]


def given_options(context: typer.Context) -> set[str]:
    """Names of the options that are on the command line."""
    return {
        name for name in context.params
        if context.get_parameter_source(name).name == "COMMANDLINE"
    }  # fmt: skip
