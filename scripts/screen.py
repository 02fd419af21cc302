"""How client commands speak: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console, RenderableType
from rich.markup import escape

from scripts.api_errors import ApiProblem, ApiUnreachable

if TYPE_CHECKING:
    from scripts.address import Address

PIPE_COLUMNS = 500
UNDRAWABLE = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def stderr() -> Console:
    return Console(stderr=True, highlight=False)


def stdout() -> Console:
    """Only a screen has an edge to fold at."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPE_COLUMNS)


def print_result(result: RenderableType) -> None:
    """Prints *result* on stdout; only a screen has lines to fill with blanks."""
    console = stdout()
    if console.is_terminal:
        console.print(result)
        return
    with console.capture() as printed:
        console.print(result)
    typer.echo("\n".join(line.rstrip() for line in printed.get().split("\n")), nl=False)


def fail(message: str, *, code: int = 1) -> typer.Exit:
    """Prints *message* as the command's error; the caller raises what is returned."""
    stderr().print(f"[red]Error:[/red] {escape(drawable(message))}", soft_wrap=True)
    return typer.Exit(code)


def note(message: str) -> None:
    """Prints *message* where it cannot get into a result."""
    stderr().print(f"[dim]{escape(drawable(message))}[/dim]", soft_wrap=True)


@contextmanager
def one_line_errors(address: Address) -> Iterator[None]:
    """Ends the command with one line and status 1 when the API is away or refuses."""
    try:
        yield
    except ApiUnreachable as unreachable:
        raise fail(str(unreachable)) from None
    except ApiProblem as problem:
        raise fail(address.explain(problem)) from None


def print_text(text: str) -> None:
    """Prints a completion: untouched into a pipe, without terminal commands on a screen."""
    typer.echo(drawable(text) if sys.stdout.isatty() else text)


def drawable(text: str) -> str:
    """*text* with control characters made visible, so that a model cannot steer the terminal."""
    return text.translate(UNDRAWABLE)
