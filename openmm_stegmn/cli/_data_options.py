"""Options that say which molecule and trajectories, of ``train`` and ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Topology = Annotated[
    Path | None,
    typer.Option(
        help="PDB or mmCIF file of the atoms in the trajectories, hydrogens included; or a "
        "topology with bonds (PSF, PRMTOP, TPR, ...), which needs no force field.",
        show_default="",
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
Memory = Annotated[float, typer.Option(help="GB that frames may take; more are kept on a disk.")]
FreeJumps = Annotated[
    int,
    typer.Option(help="One after the other, after which the molecule is looked at; 0 for none."),
]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads of the network.")]
