"""`frontier jobs retry`: submit again what ended without a result."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from scripts.address import find_address
from scripts.arguments import JobIds, choice
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, MetadataOption, UrlOption, metadata_pairs
from scripts.job_table import ended_table
from scripts.job_view import JobView
from scripts.of_model import OfModelOption, note_unknown
from scripts.one_by_one import for_each_id
from scripts.screen import note, one_line_errors, print_result, stdout


class EndedWithout(StrEnum):
    """The final states without a result."""

    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


def retry(
    job_ids: JobIds = None,
    *,
    status: Annotated[
        list[EndedWithout] | None, choice("--status", EndedWithout, "May be repeated; else failed.")
    ] = None,
    model: OfModelOption = None,
    metadata: MetadataOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the jobs, and do nothing.")] = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Submit jobs again by id, or all that match and were not submitted again yet; prints OLD -> NEW for each.

    Exits with 0 only if none was refused.
    """
    wanted = metadata_pairs(metadata)
    if bool(job_ids) == bool(status or model or wanted):
        raise typer.BadParameter("give either ids, or at least one of --status, --model and --metadata")
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        if job_ids and not dry_run:
            ids: Iterator[str] = iter(job_ids)
        else:
            jobs = list(_named(client, job_ids) if job_ids else _matching(client, status or (), model, wanted))
            if not jobs:
                note_unknown(model, client)
            if dry_run or not jobs:
                print_result(ended_table(jobs, console=stdout(), with_status=True) if jobs else "no jobs")
                return
            ids = (job.id for job in jobs)
        count = for_each_id(ids, lambda job_id: f"{job_id} -> {client.requeue(job_id).id}", address)
    note(f"{count} submitted again")


def _named(client: FrontierClient, job_ids: Sequence[str]) -> Iterator[JobView]:
    return (job for job in map(client.job, job_ids) if _is_left(job))


def _matching(
    client: FrontierClient, statuses: Sequence[EndedWithout], model: str | None, metadata: Mapping[str, str]
) -> Iterator[JobView]:
    for status in statuses or (EndedWithout.FAILED,):
        jobs = client.jobs(limit=None, status=status, model=model, metadata=metadata)
        yield from filter(_is_left, jobs)


def _is_left(job: JobView) -> bool:
    return job.is_final and not job.succeeded and job.requeued_as is None
