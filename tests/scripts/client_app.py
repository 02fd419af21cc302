"""The client commands as one program, run in this process against a server of the test."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import typer
from typer.testing import CliRunner, Result

from scripts.commands import circuits, jobs, keys, models, tenants
from scripts.commands.bulk import bulk
from scripts.commands.health import health
from scripts.commands.infer import infer
from scripts.commands.submit import submit
from scripts.commands.usage import usage
from tests.scripts.job_api import TOKEN

app = typer.Typer()
app.add_typer(jobs.app, name="jobs")
app.add_typer(circuits.app, name="circuits")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(tenants.app, name="tenants")
for command in (infer, submit, bulk, health, usage):
    app.command()(command)


def run_frontier(
    url: str, home: Path, *words: str, given: str | bytes | None = None, token: str | None = TOKEN
) -> Result:
    """What `frontier WORDS` does with the API at *url* and the data folder *home*."""
    return CliRunner().invoke(
        app, list(words), env=_environment(url, home) | {"TRUTHGPT_API_TOKEN": token}, input=given
    )


def start_frontier(url: str, home: Path, *words: str) -> subprocess.Popen[str]:
    """`frontier WORDS` as a process of its own."""
    command = [sys.executable, "-m", "scripts.cli", *words]
    env = os.environ | _environment(url, home)
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _environment(url: str, home: Path) -> dict[str, str]:
    return {"FRONTIER_URL": url, "FRONTIER_DATA_DIR": str(home), "TRUTHGPT_API_TOKEN": TOKEN, "COLUMNS": "200"}


def eventually(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """For what no signal tells, such as the content of a file."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "the condition did not come true"
        threading.Event().wait(0.005)


class Aside:
    """Runs a story beside the command, which needs the main thread for Ctrl-C; `join` tells how it went."""

    def __init__(self, story: Callable[[], object]) -> None:
        self._story = story
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            self._story()
        except BaseException as error:  # noqa: BLE001 - handed to whoever joins
            self._error = error
