"""`frontier jobs`: look at jobs and stop them."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from scripts.address import find_address
from scripts.api_errors import problem_sentence
from scripts.client import ApiProblem, FrontierClient
from scripts.generation import DataDirOption, JsonOption, MetadataOption, ModelOption, UrlOption, metadata_pairs
from scripts.job_view import JobView
from scripts.screen import drawable, fail, one_line_errors, print_text, stdout
from scripts.timings import seconds_text, timing_line

app = typer.Typer(help="Look at jobs and stop them.", no_args_is_help=True)

COLOURS = {"succeeded": "green", "failed": "red", "expired": "red", "running": "cyan", "cancelled": "yellow"}
ID_LETTERS = 26
JobId = Annotated[str, typer.Argument(metavar="ID")]


@app.command("list")
def list_jobs(
    *,
    status: Annotated[str | None, typer.Option("--status", help="queued, running, succeeded, failed, …")] = None,
    model: ModelOption = None,
    metadata: MetadataOption = None,
    limit: Annotated[int, typer.Option("--limit", help="At most this many, newest first.", min=1)] = 20,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List jobs; with --json one per line."""
    wanted = metadata_pairs(metadata)
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        jobs = list(client.jobs(limit=limit, status=status, model=model, metadata=wanted))
    if as_json:
        for job in jobs:
            typer.echo(json.dumps(job.body, ensure_ascii=False))
        return
    columns = (
        Column("id", no_wrap=True, min_width=ID_LETTERS),
        "status",
        "model",
        "created",
        "tokens",
        "time to result",
    )
    table = Table(*columns, box=None, pad_edge=False)
    for job in jobs:
        table.add_row(*_row(job))
    stdout().print(table if jobs else "no jobs")


@app.command()
def show(job_id: JobId, as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """Show one job with its text or its error."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        job = client.with_text(client.job(job_id))
    if as_json:
        typer.echo(json.dumps(job.body, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in _facts(job):
        table.add_row(Text(name, style="dim"), value)
    stdout().print(table)
    if job.text is not None:
        typer.echo()
        print_text(job.text)


@app.command()
def cancel(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...")],
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Cancel jobs; one that is final stays as it is."""
    address = find_address(url, data_dir, os.environ)
    refused: list[typer.Exit] = []
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        for job_id in job_ids:
            try:
                job = client.cancel(job_id)
            except ApiProblem as problem:
                refused.append(fail(f"{job_id}: {address.explain(problem)}"))
            else:
                typer.echo(f"{job_id} {job.state if job.is_final else 'is being cancelled'}")
    if refused:
        raise refused[0]


def _row(job: JobView) -> list[Text | str]:
    tokens = job.member("usage").get("completion_tokens")
    seconds = job.member("timing").get("time_to_result_s")
    return [
        Text(job.id),
        _status(job),
        Text(_word(job.body.get("model"))),
        Text(_word(job.body.get("created_at"))),
        Text("" if tokens is None else str(tokens), justify="right"),
        Text("" if seconds is None else seconds_text(seconds), justify="right"),
    ]


def _facts(job: JobView) -> list[tuple[str, Text]]:
    attempts = f"{job.body.get('attempt', '?')} of {job.body.get('max_attempts', '?')}"
    metadata = ", ".join(f"{key}={value}" for key, value in job.member("metadata").items())
    position = job.member("queue").get("position")
    facts: dict[str, Text | str] = {
        "job": job.id,
        "status": _status(job),
        "model": _word(job.body.get("model")),
        "created": _word(job.body.get("created_at")),
        "started": _word(job.body.get("started_at")),
        "finished": _word(job.body.get("finished_at")),
        "attempt": attempts,
        "position": "" if position is None else str(position),
        "metadata": drawable(metadata),
        "finish": job.finish_reason or "",
        "times": timing_line(job),
        "error": drawable(problem_sentence(job.error)) if job.error else "",
    }
    return [(name, value if isinstance(value, Text) else Text(value)) for name, value in facts.items() if value]


def _status(job: JobView) -> Text:
    return Text(job.state, style=COLOURS.get(job.state, ""))


def _word(value: Any) -> str:
    return "" if value is None else drawable(str(value))
