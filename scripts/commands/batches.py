"""`frontier batches`: look at batches, follow them, fetch what they gave, do again what failed."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.table import Table
from rich.text import Text

from scripts.address import find_address
from scripts.arguments import name_of, path
from scripts.batch_calls import Kind
from scripts.batch_progress import BatchProgress
from scripts.batch_retry import NothingToRetry, retry_failed
from scripts.batch_view import FINAL, BatchView
from scripts.bulk_files import STREAM
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, JsonOption, UrlOption
from scripts.job_table import folded, word
from scripts.screen import drawable, fail, note, one_line_errors, print_result, stderr, stdout

app = typer.Typer(help="See batches, cancel them, and fetch what they gave.", no_args_is_help=True)

LOOK_SECONDS = 5
WITHOUT_SUCCESS, INTERRUPTED = 3, 130
MOST_ERRORS = 20

BatchId = Annotated[str, typer.Argument(metavar="ID", help="Such as batch_….", callback=name_of)]


@app.command("list")
def list_batches(
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Most to show.", min=1, max=100_000)] = 20,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List batches, newest first; with --json one per line."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        batches = list(client.batches.listed(limit))
    if as_json:
        for batch in batches:
            typer.echo(json.dumps(batch.body, ensure_ascii=False))
        return
    columns = {
        "id": [batch.id for batch in batches],
        "status": [batch.status for batch in batches],
        "lines": [str(batch.total) for batch in batches],
        "completed": [str(batch.completed) for batch in batches],
        "failed": [str(batch.failed) for batch in batches],
        "model": [word(batch.body.get("model")) for batch in batches],
        "created": [_when(batch.instant("created_at")) for batch in batches],
    }
    remarks = [f"waiting: {drawable(batch.waiting_for)}" if batch.waiting_for else "" for batch in batches]
    print_result(folded(columns, remarks, room=stdout().width) if batches else "no batches")


@app.command()
def show(
    batch_id: BatchId,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until it has ended; 3 if lines failed.")] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Show a batch, and what was wrong with its input."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        batch = client.batches.find(batch_id)
        if follow:
            batch = _followed(client, batch)
    if as_json:
        typer.echo(json.dumps(batch.body, indent=2, ensure_ascii=False))
    else:
        print_result(_table(batch))
        if batch.errors:
            print_result(_errors(batch))
    if follow and (batch.status != "completed" or batch.failed):
        raise typer.Exit(WITHOUT_SUCCESS)


@app.command()
def cancel(
    batch_id: BatchId, *, as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None
) -> None:
    """Run no more lines of a batch; what has its result is kept."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        batch = client.batches.cancel(batch_id)
    typer.echo(json.dumps(batch.body, ensure_ascii=False) if as_json else f"{batch.id} is {batch.status}")


@app.command()
def download(
    batch_id: BatchId,
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT.jsonl", parser=path, help="- for stdout; else ID.jsonl, here."),
    ] = None,
    errors: Annotated[
        bool, typer.Option("--errors", help="The lines without a result in place of the others.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Each line as it comes, until it has ended.")] = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Fetch the output of a batch as far as it has come, in OpenAI's form."""
    address = find_address(url, data_dir, os.environ)
    target = output or Path(f"{batch_id}.errors.jsonl" if errors else f"{batch_id}.jsonl")
    count = 0
    with one_line_errors(address), FrontierClient(address.url, address.token) as client, ExitStack() as opened:
        batch = client.batches.find(batch_id)
        kind: Kind = "errors" if errors else "output"
        lines = (client.batches.followed_lines if follow else client.batches.lines)(batch_id, kind)
        first = list(itertools.islice(lines, 1))  # before a file that stands there is emptied
        try:
            file: BinaryIO = sys.stdout.buffer if target == STREAM else opened.enter_context(target.open("wb"))
            for line in itertools.chain(first, lines):
                file.write(line)
                count += 1
                if follow:
                    file.flush()
            file.flush()
        except OSError as error:
            raise fail(f"cannot write {target}: {error.strerror}") from None
        except KeyboardInterrupt:
            note(f"{count} lines came; the same command fetches all of them again")
            raise typer.Exit(INTERRUPTED) from None
        if follow:
            batch = client.batches.find(batch_id)
    more = "" if batch.is_final else f"; the batch is {batch.status}, and there may be more"
    note(f"{count} {'line' if count == 1 else 'lines'}{'' if target == STREAM else f' in {target}'}{more}")


@app.command("retry-failed")
def retry(
    batch_id: BatchId, *, as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None
) -> None:
    """Make a new batch of the lines that have no result, and print its id."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        try:
            batch = retry_failed(client.batches, client.batches.find(batch_id))
        except NothingToRetry as reason:
            raise fail(str(reason)) from None
    typer.echo(json.dumps(batch.body, ensure_ascii=False) if as_json else batch.id)


def _followed(client: FrontierClient, batch: BatchView) -> BatchView:
    try:
        with BatchProgress(console=stderr(), clock=time.monotonic) as progress:
            while not batch.is_final:
                progress.show(batch)
                batch = client.batches.changed(batch, seconds=LOOK_SECONDS)
    except KeyboardInterrupt:
        note(f"{batch.id} goes on; `frontier batches cancel {batch.id}` ends it")
        raise typer.Exit(INTERRUPTED) from None
    return batch


def _table(batch: BatchView) -> Table:
    body, usage = batch.body, batch.body.get("usage") or {}
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("id", batch.id)
    table.add_row("status", batch.status + (f", waiting: {drawable(batch.waiting_for)}" if batch.waiting_for else ""))
    table.add_row("lines", f"{batch.total}: {batch.completed} completed, {batch.failed} failed")
    table.add_row("tokens", f"{usage.get('input_tokens', 0)} prompt + {usage.get('output_tokens', 0)} completion")
    for name in ("endpoint", "model", "input_file_id", "output_file_id", "error_file_id"):
        if body.get(name) is not None:
            table.add_row(name.replace("_", " "), Text(word(body[name])))
    for name in ("created", "in_progress", "finalizing", "cancelling", *sorted({batch.status} & FINAL), "expires"):
        if (instant := batch.instant(f"{name}_at")) is not None:
            table.add_row(f"{name.replace('_', ' ')} at", _when(instant))
    for key, value in (body.get("metadata") or {}).items():
        table.add_row(Text(f"metadata {drawable(key)}"), Text(drawable(value)))
    return table


def _errors(batch: BatchView) -> Table:
    table = Table("line", "field", "what is wrong", box=None, pad_edge=False)
    for error in batch.errors[:MOST_ERRORS]:
        table.add_row(word(error.get("line")), Text(word(error.get("param"))), Text(word(error.get("message"))))
    if (more := len(batch.errors) - MOST_ERRORS) > 0:
        table.add_row("", "", f"and {more} more")
    return table


def _when(instant: float | None) -> str:
    return "" if instant is None else f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%M:%SZ}"
