"""`frontier models`: how each model is doing, and whether it takes jobs and starts them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from scripts.address import find_address
from scripts.arguments import ModelName
from scripts.client import FrontierClient, ModeChange
from scripts.generation import DataDirOption, JsonOption, UrlOption
from scripts.queue_view import QueueView
from scripts.screen import drawable, fail, note, one_line_errors, print_result

app = typer.Typer(help="Look at models; pause, drain and resume them.", no_args_is_help=True)

LOOK_SECONDS = 0.5
INTERRUPTED = 130
COLOURS = {"paused": "yellow", "draining": "yellow"}
IsThrough = Callable[[FrontierClient, QueueView], bool]


@app.command("list")
def list_models(as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """List the models with their mode and their queue; with --json one per line."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        queues = client.queues()
    if as_json:
        for queue in queues:
            typer.echo(json.dumps(queue.body, ensure_ascii=False))
        return
    numbers = [Column(name, justify="right") for name in ("slots", "waiting", "running")]
    table = Table("model", "mode", *numbers, box=None, pad_edge=False)
    for queue in queues:
        table.add_row(
            Text(drawable(queue.model)), _mode(queue), str(queue.slots), str(queue.waiting), str(queue.running)
        )
    print_result(table if queues else "no models")


@app.command()
def pause(
    name: ModelName,
    wait: Annotated[bool, typer.Option("--wait", help="Until none of its jobs runs.")] = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Start no more jobs of a model; those that run go on, new ones are taken and wait."""
    _change(name, "pause", url, data_dir, _runs_nothing if wait else None)


@app.command()
def drain(
    name: ModelName,
    wait: Annotated[bool, typer.Option("--wait", help="Until none of its jobs waits or runs.")] = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Take no new jobs for a model; those that wait and run are worked off."""
    _change(name, "drain", url, data_dir, _is_empty if wait else None)


@app.command()
def resume(name: ModelName, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """Let a model that was paused or drained go on as usual."""
    _change(name, "resume", url, data_dir, None)


def _change(
    name: str,
    change: ModeChange,
    url: str | None,
    data_dir: Path | None,
    is_through: IsThrough | None,
) -> None:
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        queue = client.change_mode(name, change)
        if is_through is not None:
            try:
                queue = _follow(client, queue, is_through)
            except KeyboardInterrupt:
                note(f"{queue.model} stays {queue.mode}; `frontier models resume {name}` lets it go on.")
                raise typer.Exit(INTERRUPTED) from None
    typer.echo(_words(queue))


def _follow(client: FrontierClient, queue: QueueView, is_through: IsThrough) -> QueueView:
    """The queue once *is_through*; ends the command if somebody changes the mode meanwhile."""
    mode, told = queue.mode, ""
    while queue.mode == mode:
        if is_through(client, queue):
            return queue
        words = _words(queue) + ("" if queue.waiting or queue.running else ", retries wait for their time")
        if words != told:
            note(told := words)
        time.sleep(LOOK_SECONDS)
        queue = client.queue(queue.model)
    raise fail(f"somebody else has changed the mode: {_words(queue)}")


def _runs_nothing(_client: FrontierClient, queue: QueueView) -> bool:
    return not queue.running


def _is_empty(client: FrontierClient, queue: QueueView) -> bool:
    """Looks twice: a job whose time had come may have gone into the queue just behind the first look."""
    return not _has_work(queue) and not _has_work(client.queue(queue.model))


def _has_work(queue: QueueView) -> bool:
    return bool(queue.waiting or queue.running or queue.delayed)


def _words(queue: QueueView) -> str:
    slots = f", slots {queue.slots}" if queue.slots else ", no worker"
    return drawable(f"{queue.model} is {queue.mode}: waiting {queue.waiting}, running {queue.running}{slots}")


def _mode(queue: QueueView) -> Text:
    since = f" since {queue.mode_since[:19]}Z" if queue.mode_since else ""
    return Text(drawable(queue.mode + since), style=COLOURS.get(queue.mode, ""))
