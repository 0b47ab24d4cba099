"""How commands speak: results on stdout, everything else on stderr, one line for an error."""

from __future__ import annotations

import contextlib
import shlex
import warnings
from collections.abc import Callable, Iterator

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

output = Console()
messages = Console(stderr=True)

BAD_INPUT = 2
FAILED = 1
INTERRUPTED = 130


def fail(message: str, code: int) -> None:
    """Print an error on one line and leave with that exit code."""
    # soft_wrap: a message must stay one line where it is piped or searched.
    line = Text.assemble(("error: ", "bold red"), " ".join(message.split()))
    messages.print(line, soft_wrap=True, highlight=False)
    raise typer.Exit(code)


def tell(message: str) -> None:
    """Print a line for people as it is, however long, so that commands in it can be copied."""
    messages.print(Text(message), soft_wrap=True)


def command(*words) -> str:
    """A call of this program as a shell takes it."""
    return shlex.join(["openmm-stegmn", *map(str, words)])


@contextlib.contextmanager
def warnings_on_one_line() -> Iterator[None]:
    """Print each Python warning as a line for people, without file names and source."""

    def show(message, *args, **kwargs):
        line = Text.assemble(("note: ", "yellow"), " ".join(str(message).split()))
        messages.print(line, soft_wrap=True, highlight=False)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def told(interrupted: Callable[[], str]) -> Iterator[None]:
    """Tell what goes wrong in a command, in one line and by the exit code.

    Parameters
    ----------
    interrupted : callable
        Gives what is said of Ctrl-C.
    """
    try:
        yield
    except ValueError as error:
        fail(str(error), BAD_INPUT)
    except (ImportError, OSError, RuntimeError) as error:
        fail(str(error), FAILED)
    except KeyboardInterrupt:
        fail(interrupted(), INTERRUPTED)


def two_columns(title: str, rows: list[tuple[str, str]]) -> Table:
    """A table of names and values."""
    table = Table(title=title, show_header=False, title_justify="left", title_style="bold")
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))
    return table
