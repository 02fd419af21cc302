"""`frontier jobs watch`: follow a job, from its first token on, until it is final."""

from __future__ import annotations

import os

import typer

from scripts.address import find_address
from scripts.arguments import JobId
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, JsonOption, UrlOption
from scripts.interrupts import INTERRUPTED, sigterm_interrupts
from scripts.job_words import ended_words
from scripts.screen import fail, note, one_line_errors
from scripts.timings import timing_line
from scripts.token_page import TokenPage


def watch(job_id: JobId, as_json: JsonOption = False, url: UrlOption = None, data_dir: DataDirOption = None) -> None:
    """Follow a job until it is final, its text as it comes; with --json one event per line.

    Exits with 0 if it succeeded, else with 1. Ctrl-C ends the watch and leaves the job alone.
    """
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        try:
            with sigterm_interrupts():
                page = TokenPage(as_json=as_json, tell=note)
                job = page.show(client.follow(job_id), look=lambda: client.job(job_id))
        except KeyboardInterrupt:
            note(f"job {job_id} goes on; `frontier jobs watch {job_id}` shows it again")
            raise typer.Exit(INTERRUPTED) from None
    note(timing_line(job))
    if not job.succeeded:
        raise fail(ended_words(job))
