"""`frontier jobs explain`: why a job waits."""

from __future__ import annotations

import json
import os

import typer

from scripts.address import find_address
from scripts.arguments import JobId
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, JsonOption, UrlOption
from scripts.job_table import word
from scripts.screen import drawable, one_line_errors
from scripts.timings import seconds_text


def explain(
    job_id: JobId, *, as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None
) -> None:
    """Say why a job waits, that which matters most first."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        told = client.explanation(job_id)
    if as_json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    typer.echo(f"{word(told['job_id'])} is {word(told['status'])}")
    for reason in told["reasons"]:
        typer.echo(f"- {drawable(str(reason.get('message', '')))} ({word(reason.get('code'))})")
    queue, weight = told.get("queue"), told.get("weight")
    if queue:
        eta = queue.get("eta_s")
        when = "unknown when it starts" if eta is None else f"starts in about {seconds_text(eta)}"
        typer.echo(f"{queue['position']} jobs before it, {queue['tokens_ahead']:,} tokens; {when}")
    if weight:
        typer.echo(f"weighs {weight['priority']} as {word(told['priority'])}, times {weight['tenant']:g} of its tenant")
