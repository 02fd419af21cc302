"""`frontier jobs`: look at jobs; what is done to them stands in modules of its own."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from jobs.job import JobState
from scripts.address import find_address
from scripts.api_errors import problem_sentence
from scripts.arguments import JobId, choice
from scripts.client import FrontierClient
from scripts.commands import jobs_cancel, jobs_dead_letters, jobs_explain, jobs_retry, jobs_watch
from scripts.generation import DataDirOption, JsonOption, MetadataOption, UrlOption, metadata_pairs
from scripts.job_table import attempts_text, job_table, status_text, word
from scripts.job_view import JobView
from scripts.of_model import OfModelOption, note_unknown
from scripts.screen import drawable, one_line_errors, print_result, print_text, stdout
from scripts.timings import timing_line

app = typer.Typer(help="Look at jobs, stop them and submit them again.", no_args_is_help=True)


@app.command("list")
def list_jobs(
    *,
    status: Annotated[JobState | None, choice("--status", JobState, "Only jobs in this state.")] = None,
    model: OfModelOption = None,
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
        if not jobs:
            note_unknown(model, client)
    if as_json:
        for job in jobs:
            typer.echo(json.dumps(job.body, ensure_ascii=False))
        return
    print_result(job_table(jobs, console=stdout()) if jobs else "no jobs")


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
    print_result(table)
    if job.text is not None:
        typer.echo()
        print_text(job.text)


def _facts(job: JobView) -> list[tuple[str, Text]]:
    metadata = ", ".join(f"{key}={value}" for key, value in job.member("metadata").items())
    position = job.member("queue").get("position")
    facts: dict[str, Text | str] = {
        "job": job.id,
        "status": status_text(job),
        "model": word(job.body.get("model")),
        "created": word(job.body.get("created_at")),
        "started": word(job.body.get("started_at")),
        "finished": word(job.body.get("finished_at")),
        "attempt": attempts_text(job),
        "not before": word(job.body.get("not_before")),
        "position": "" if position is None else str(position),
        "metadata": drawable(metadata),
        "requeued from": word(job.body.get("requeued_from")),
        "requeued as": word(job.requeued_as),
        "finish": job.finish_reason or "",
        "times": timing_line(job),
        "error": drawable(problem_sentence(job.error)) if job.error else "",
    }
    return [(name, value if isinstance(value, Text) else Text(value)) for name, value in facts.items() if value]


app.command()(jobs_watch.watch)
app.command()(jobs_explain.explain)
app.command()(jobs_cancel.cancel)
app.command("dead-letters")(jobs_dead_letters.dead_letters)
app.command()(jobs_dead_letters.requeue)
app.command()(jobs_retry.retry)
