"""``openmm-stegmn analyze``: what a hybrid trajectory is worth."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from ._terminal import messages, output, told, two_columns, warnings_on_one_line


def analyze(
    trajectory: Annotated[
        list[Path],
        typer.Argument(
            help="Folder that `run` wrote, or a trajectory of any format that MDAnalysis reads; "
            "several are replicas."
        ),
    ],
    topology: Annotated[
        Path | None,
        typer.Option(help="Of the atoms in the trajectory.", show_default="topology.pdb beside it"),
    ] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(help="Plain molecular dynamics of the same atoms; repeat it for replicas."),
    ] = None,
    reference_topology: Annotated[
        Path | None,
        typer.Option(help="Of the reference, if it has other solvent.", show_default="the same"),
    ] = None,
    system: Annotated[
        Path | None,
        typer.Option(
            help="Serialised OpenMM System, for constraints, temperatures and energies.",
            show_default="that of the run",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(help="Log of OpenMM's StateDataReporter with energies.", show_default=""),
    ] = None,
    origins: Annotated[
        list[Path] | None,
        typer.Option(
            help="H5MD file of the run that says which frames are jumps, if the trajectory is a "
            "copy in another format; repeat it for replicas."
        ),
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(help="Atoms, in MDAnalysis' words.", show_default="all but water and ions"),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Of the run, in K.", show_default="that of the run")
    ] = None,
    lag: Annotated[
        float | None,
        typer.Option(help="Of the Markov model, in ps.", show_default="half a leg, at most 10 ps"),
    ] = None,
    features: Annotated[
        str, typer.Option(help="Of the Markov model: dihedrals, distances or contacts.")
    ] = "dihedrals",
    report: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="HTML file.", show_default="analysis.html beside it"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Analyse a hybrid trajectory: what is within noise of molecular dynamics, and what is not.

    Prints tables, and writes a report as one HTML file with each figure as SVG beside it. What is
    there of it is replaced.
    """
    with warnings_on_one_line(), told(lambda: "interrupted"):
        _quiet_readers()
        paths = [_trajectory_of(path) for path in trajectory]
        target = report or _report_beside(trajectory[0])
        with messages.status("reading") as status:
            from ..analysis import (
                HybridFrames,
                analyze_trajectory,
                read_state_log,
                summary_sentences,
                write_report,
            )

            molecule, known = _system_of(system, topology, trajectory)
            structure = topology or _topology_beside(paths[0])
            atoms = _atoms(structure, paths, select)
            other = None
            if reference:
                other = _atoms(
                    reference_topology or structure,
                    [_trajectory_of(path) for path in reference],
                    select,
                )
            analysis = analyze_trajectory(
                atoms, reference=other, system=molecule,
                log=None if log is None else read_state_log(log),
                temperature=known if temperature is None else temperature,
                frames=HybridFrames.of_files(*origins) if origins else None,
                lag=lag, features=features, n_workers=workers,
                progress=lambda what: status.update(what),
            )  # fmt: skip
            status.update("drawing figures")
            written = write_report(analysis, target, title=_title(trajectory))
        _print(analysis)
        sentences = summary_sentences(analysis)
    print(sentences[0])
    for sentence in sentences[1:]:
        print(f"- {sentence}")
    print(f"Report: {written[0]} ({len(written) - 1} figures as SVG in {written[1].parent})"
          if len(written) > 1 else f"Report: {written[0]}")  # fmt: skip


def _trajectory_of(path: Path) -> Path:
    from ..runs import RunFolder

    found = RunFolder(path).trajectory if path.is_dir() else path
    if not found.is_file():
        hint = ": no run has written there" if path.is_dir() else ""
        raise ValueError(f"trajectory {found}: no such file{hint}")
    return found


def _topology_beside(path: Path) -> Path:
    from ..runs import RunFolder

    found = RunFolder(path.parent).topology
    if not found.is_file():
        raise ValueError(
            f"{path} says nothing of its atoms, and there is no {found}: give --topology"
        )
    return found


def _report_beside(path: Path) -> Path:
    from ..runs import RunFolder

    return RunFolder(path).report if path.is_dir() else path.with_name(f"{path.stem}-analysis.html")


def _title(paths: list[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def _atoms(topology: Path, paths: list[Path], select: str | None):
    import MDAnalysis

    from ..analysis import solute_of

    if not topology.is_file():
        raise ValueError(f"topology {topology}: no such file")
    try:
        names = [str(path) for path in paths]
        universe = MDAnalysis.Universe(str(topology), names if len(names) > 1 else names[0])
    except Exception as error:  # each reader has errors of its own
        names = ", ".join(str(path) for path in paths)
        raise ValueError(f"{names} with {topology}: MDAnalysis cannot read it ({error})") from error
    if select is None:
        return solute_of(universe)
    try:
        atoms = universe.select_atoms(select)
    except Exception as error:
        raise ValueError(f"select {select!r}: {error}") from error
    if not len(atoms):
        raise ValueError(f"select {select!r}: no atom of {topology} is in it")
    return atoms


def _system_of(xml: Path | None, topology: Path | None, trajectory: list[Path]):
    """System and temperature: of a file, or of the run that the folder is of."""
    from ..runs import RunFolder
    from ..systems import SetupError, load_system

    folder = RunFolder(trajectory[0] if trajectory[0].is_dir() else trajectory[0].parent)
    if xml is not None:
        pdb = topology or _topology_beside(_trajectory_of(trajectory[0]))
        return load_system(pdb, xml).system, None
    if not folder.record.is_file():
        return None, None
    try:
        molecule, settings = folder.rebuild_molecule()
    except SetupError as error:
        warnings.warn(
            f"{error}; constraints and temperatures are left out, give --system for them",
            stacklevel=1,
        )
        return None, None
    return molecule.system, settings.temperature


def _print(analysis) -> None:
    from rich.table import Table

    from ..analysis import report_tables

    for each in report_tables(analysis):
        if not any(each.head):
            output.print(two_columns(each.title, each.rows))
            continue
        table = Table(title=each.title, title_justify="left", title_style="bold")
        for column in each.head:
            table.add_column(column, style=None if table.columns else "cyan")
        for row in each.rows:
            table.add_row(*row)
        output.print(table)


def _quiet_readers():
    """Leave out what MDAnalysis tells of topologies and time steps that are not used.

    Until the end of the ``warnings_on_one_line`` that this is called in.
    """
    warnings.filterwarnings("ignore", module="MDAnalysis")
    warnings.filterwarnings("ignore", message="Reader has no dt information")
