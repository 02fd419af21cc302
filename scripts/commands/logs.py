"""`frontier logs`: what the programs of `frontier up` log, in a form for people."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated

import typer

from scripts import paths
from scripts.arguments import choice
from scripts.generation import DataDirOption
from scripts.interrupts import INTERRUPTED, sigterm_interrupts
from scripts.log_files import LAST_BYTES, LogFiles
from scripts.log_line import RANKS, LogLine
from scripts.screen import fail, stdout

LOOK_SECONDS = 0.25


class Level(StrEnum):
    """From which level on lines are shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LevelOption = Annotated[Level, choice("--level", Level, "Show lines of this level and above.")]


def logs(
    program: Annotated[str | None, typer.Argument(metavar="PROGRAM", help="One alone, such as api.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many to begin with.", min=0)] = 100,
    level: LevelOption = Level.INFO,
    about: Annotated[str | None, typer.Option(help="Only what names this: the id of a job, request or trace.")] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show the logs of `frontier up`, those of all its programs together."""
    folder = paths.data_dir(data_dir) / "logs"
    files = LogFiles(folder, program)
    known = files.programs()
    if not known:
        raise fail(f"there are no logs in {folder}; `frontier up` writes them")
    if program is not None and program not in known:
        raise fail(f"{program!r} has no log; there is {', '.join(known)}")

    def show(found: list[LogLine]) -> None:
        screen = stdout()
        for line in found:
            screen.print(line.painted(files.columns), soft_wrap=True)

    def wanted() -> list[LogLine]:
        rank = RANKS[level.name]
        return [line for line in files.read() if line.rank >= rank and (about is None or line.is_about(about))]

    files.skip(LAST_BYTES)
    first = wanted()
    show(first[len(first) - lines :] if lines < len(first) else first)
    try:
        with sigterm_interrupts():
            while follow:
                time.sleep(LOOK_SECONDS)
                show(wanted())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
