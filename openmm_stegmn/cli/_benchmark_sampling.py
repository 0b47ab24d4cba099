"""``openmm-stegmn benchmark sampling``: exact jumps against plain dynamics of equal wall time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._benchmark_options import (
    Data,
    Molecules,
    Output,
    Overwrite,
    Processes,
    Seeds,
    chosen,
    counted,
    print_tables,
    told_in_benchmark,
)
from ._options import Device
from ._terminal import warnings_on_one_line


def sampling(
    data: Data = Path("sampling"),
    molecules: Molecules = None,
    seeds: Seeds = 3,
    seconds: Annotated[float, typer.Option(help="Wall time of each run.")] = 300.0,
    md_frames: Annotated[int, typer.Option(help="Physical frames between jumps.")] = 1,
    jumps: Annotated[int, typer.Option(help="Jumps in a row.")] = 1,
    tries: Annotated[int, typer.Option(help="Trials in a jump.")] = 4,
    platform: Annotated[
        str, typer.Option(help="OpenMM platform; auto: the fastest here.")
    ] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the network.")] = 1,
    reference: Annotated[
        float, typer.Option(help="Plain dynamics to compare with, in ns, made once.")
    ] = 200.0,
    replicas: Annotated[int, typer.Option(help="That the reference is made in.")] = 20,
    training: Annotated[
        float,
        typer.Option(help="Plain dynamics that models are trained on where none is packaged, ns."),
    ] = 50.0,
    steps: Annotated[int, typer.Option(help="Of that training.")] = 6000,
    made_on: Annotated[
        str | None,
        typer.Option(
            help="OpenMM platform of plain dynamics that --data lacks.",
            show_default="the quickest on one core",
        ),
    ] = None,
    device: Device = "auto",
    processes: Processes = 1,
    at_once: Annotated[
        int,
        typer.Option(min=1, help="Timed runs at once: more only if each has a core of its own."),
    ] = 1,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Make what --data lacks, and run nothing timed.")
    ] = False,
    output: Output = Path("benchmark-sampling.json"),
    overwrite: Overwrite = False,
) -> None:
    """Compare exact jumps with plain dynamics of the same wall time, everything paid.

    Acceptance, effective samples of the backbone torsions and of the slowest mode each second of
    wall time, visits of the basin at φ > 0, and the free energy over (φ, ψ) against a long
    reference. What --data lacks of that, and of models to train, is made first. Run it on an idle
    machine.
    """
    with warnings_on_one_line():
        import torch

        from ..benchmarks import SamplingSettings, run_sampling, sampling_tables

        torch.set_num_threads(threads)
        with told_in_benchmark(output, data):
            settings = SamplingSettings(
                **chosen(molecules=molecules), seeds=seeds, seconds=seconds, md_frames=md_frames,
                jumps=jumps, tries=tries, platform=platform, reference_ns=reference,
                replicas=replicas, training_ns=training, steps=steps, made_on=made_on,
                device=device,
            )  # fmt: skip
            with counted("files") as made, counted("runs") as measured:
                records = run_sampling(
                    data, settings, output=output, overwrite=overwrite, processes=processes,
                    at_once=at_once, prepare_only=prepare_only,
                    made=lambda what, *count: made(what, what, *count),
                    measured=lambda *progress: measured("all", *progress),
                )  # fmt: skip
    print_tables(sampling_tables(records))
