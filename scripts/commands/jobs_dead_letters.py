"""`frontier jobs dead-letters` and `requeue`: jobs that gave up, and another try for them."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from scripts.address import find_address
from scripts.arguments import JobIds
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, JsonOption, UrlOption
from scripts.job_table import ended_table
from scripts.of_model import OfModelOption, note_unknown
from scripts.one_by_one import for_each_id
from scripts.screen import note, one_line_errors, print_result, stdout


def dead_letters(
    *,
    model: OfModelOption = None,
    limit: Annotated[int, typer.Option("--limit", help="At most this many, the latest first.", min=1)] = 20,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """List the jobs that gave up; with --json one per line."""
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        jobs = list(client.dead_letters(limit=limit, model=model))
        if not jobs:
            note_unknown(model, client)
    if as_json:
        for job in jobs:
            typer.echo(json.dumps(job.body, ensure_ascii=False))
        return
    print_result(ended_table(jobs, console=stdout(), with_status=False) if jobs else "no dead letters")


def requeue(
    job_ids: JobIds = None,
    *,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    model: OfModelOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Submit jobs again that ended without a result; prints OLD -> NEW for each.

    Exits with 0 only if none was refused.
    """
    if bool(job_ids) == all_of_them or (model and not all_of_them):
        raise typer.BadParameter("give either ids, or --all with or without --model")
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        ids = job_ids or (job.id for job in client.dead_letters(limit=None, model=model))
        count = for_each_id(ids, lambda job_id: f"{job_id} -> {client.requeue(job_id).id}", address)
        if not count:
            note_unknown(model, client)
            note("no dead letters")
