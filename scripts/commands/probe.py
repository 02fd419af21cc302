"""`frontier probe`: whether a worker, a sender or a runner still gets messages, for who restarts what hangs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from jobs.probe_settings import FILE
from jobs.probe_stamp import ProbeStamp
from scripts import paths
from scripts.generation import DataDirOption
from scripts.screen import fail


def probe(
    program: Annotated[
        str | None,
        typer.Argument(metavar="PROGRAM", help="One of `frontier up`; else the one that PROBE_FILE is of."),
    ] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Ask whether a worker, a sender or a runner is well: exits with 0 if it is, else with 1."""
    given = os.environ.get(FILE)
    if program is not None:
        file = paths.probe_file(paths.data_dir(data_dir), program)
    elif given:
        file = Path(given)
    else:
        raise fail(f"name one of the programs of `frontier up`, or set {FILE} as the process has it")
    try:
        stamp = ProbeStamp.read(file)
    except (OSError, ValueError) as error:
        raise fail(f"{file} cannot be read: {error}") from None
    if stamp is None:
        raise fail(f"{file} is not there: the process has not begun, or has ended")
    now = time.time()
    if complaint := stamp.complaint(now):
        raise fail(complaint)
    proven = "not proven yet" if stamp.proven_at is None else f"proven {now - stamp.proven_at:.1f} s ago"
    typer.echo(f"{stamp.phase}, {proven}")
