"""`frontier jobs cancel`: stop jobs, by id or all that match."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from jobs.job import JobState
from scripts.address import find_address
from scripts.arguments import JobIds, choice
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, MetadataOption, UrlOption, metadata_pairs
from scripts.of_model import OfModelOption, note_unknown
from scripts.one_by_one import for_each_id
from scripts.screen import one_line_errors


class NotEnded(StrEnum):
    """The states in which a job can be cancelled."""

    QUEUED = JobState.QUEUED
    RUNNING = JobState.RUNNING


def cancel(
    job_ids: JobIds = None,
    *,
    metadata: MetadataOption = None,
    model: OfModelOption = None,
    status: Annotated[
        NotEnded | None, choice("--status", NotEnded, "Only jobs that are queued, or only those that are running.")
    ] = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Cancel jobs, or with --metadata all that match; one that is final stays as it is."""
    wanted = metadata_pairs(metadata)
    if bool(job_ids) == bool(wanted) or (job_ids and (model or status)):
        raise typer.BadParameter("give either ids, or --metadata with or without --model and --status")
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        if not wanted:
            for_each_id(job_ids or [], lambda job_id: _cancel_one(client, job_id), address)
            return
        ended, asked = 0, 0
        for part in client.cancel_matching(wanted, status=status, model=model):
            ended, asked = ended + len(part.cancelled), asked + len(part.requested)
        if not ended + asked:
            note_unknown(model, client)
    typer.echo(f"{ended} cancelled, {asked} running asked to stop")


def _cancel_one(client: FrontierClient, job_id: str) -> str:
    job = client.cancel(job_id)
    return f"{job_id} {job.state if job.is_final else 'is being cancelled'}"
