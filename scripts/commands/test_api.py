"""`frontier test-api`: walk every endpoint of a running system, and tell what holds."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.address import find_address
from scripts.generation import DataDirOption, JsonOption, ModelOption, UrlOption
from scripts.interrupts import sigterm_interrupts
from scripts.screen import fail, note, one_line_errors, print_result, stderr

if TYPE_CHECKING:
    from scripts.transport import Transport


def walk(
    *,
    model: ModelOption = None,
    disruptive: Annotated[
        bool,
        typer.Option("--disruptive", help="Also pause, drain and resume the model, and rotate the webhook secret."),
    ] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds that one job may take.", min=1.0)] = 60.0,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Call every endpoint of a running system and say which answer as documented; exits with 1 unless all do.

    Its jobs are small, and erased at the end. Nothing is changed that others see unless --disruptive is given.
    """
    from scripts.test_api import runner, table
    from scripts.test_api.setting_up import set_up
    from scripts.test_api.system import System

    address = find_address(url, data_dir, os.environ)
    began = time.monotonic()
    with (
        one_line_errors(address),
        _transport(address.url, address.token) as transport,
        _transport(address.url, None) as bare,
        sigterm_interrupts(),
    ):
        system = System(transport=transport, bare=bare, seconds=timeout, is_disruptive=disruptive)
        try:
            with _telling() as tell:
                document = set_up(system, model=model)
                checks = list(runner.run(system, document, tell=tell))
        finally:
            for line in system.clean():
                note(line)
    if as_json:
        typer.echo(json.dumps(table.as_json(address.url, checks), indent=2, ensure_ascii=False))
    else:
        print_result(table.check_table(checks))
    words = table.summary(checks, seconds=time.monotonic() - began)
    if any(check.outcome == "failed" for check in checks):
        raise fail(words)
    note(words)


@contextmanager
def _transport(url: str, token: str | None) -> Iterator[Transport]:
    from scripts.patience import Patience
    from scripts.transport import Transport

    random = Random()  # noqa: S311 - spreads retries, protects nothing
    transport = Transport(
        url, token, connections=1, patience=Patience(), pause=time.sleep, clock=time.monotonic, random=random
    )
    try:
        yield transport
    finally:
        transport.close()


@contextmanager
def _telling() -> Iterator[Callable[[str], object]]:
    console = stderr()
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("looking at the system") as spinner:
        yield spinner.update
