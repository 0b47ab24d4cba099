"""The command line: parse, call, print. Each command imports what it needs when it is called."""

import typer

from ._analyze import analyze
from ._benchmark import benchmark
from ._evaluate import evaluate
from ._info import info
from ._run import run
from ._train import train

app = typer.Typer(
    name="openmm-stegmn",
    help="Hybrid molecular dynamics: OpenMM's physical steps alternated with learned jumps.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run)
app.command()(train)
app.command()(evaluate)
app.command()(analyze)
app.command()(info)
app.add_typer(benchmark, name="benchmark")


__all__ = ["app"]
