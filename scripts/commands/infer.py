"""`frontier infer`: one prompt, its completion, and how long that took."""

from __future__ import annotations

import json
import math
import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.status import Status

from scripts.address import find_address
from scripts.api_errors import problem_sentence
from scripts.client import FrontierClient
from scripts.generation import (
    ChatOption,
    DataDirOption,
    Generation,
    JsonOption,
    MaxTokensOption,
    ModelOption,
    SeedOption,
    StopOption,
    TemperatureOption,
    TopKOption,
    TopPOption,
    UrlOption,
    read_prompt,
)
from scripts.job_view import JobView
from scripts.screen import fail, note, one_line_errors, print_text, stderr
from scripts.timings import seconds_text, timing_line

WATCHED_LOOK_SECONDS = 2.0
UNWATCHED_LOOK_SECONDS = 30.0
INTERRUPTED = 130


def infer(
    prompt: Annotated[str, typer.Argument(help="The prompt; - reads it from stdin.")],
    *,
    model: ModelOption = None,
    max_tokens: MaxTokensOption = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    top_k: TopKOption = None,
    seed: SeedOption = None,
    stop: StopOption = None,
    chat: ChatOption = False,
    as_json: JsonOption = False,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Give up and cancel after this many seconds.", min=0.0)
    ] = math.inf,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Submit a prompt, wait, and print the completion; times go to stderr."""
    generation = Generation(
        chat=chat,
        model=model,
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        seed=seed,
        stop=tuple(stop or ()),
    )
    body = generation.body(read_prompt(prompt))
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        job = client.submit(body, idempotency_key=uuid.uuid4().hex)
        try:
            with _sigterm_interrupts():
                job = _wait(client, job, timeout)
        except KeyboardInterrupt:
            note(_cancel(client, job))
            raise typer.Exit(INTERRUPTED) from None
        if not job.is_final:
            raise fail(f"no result within {seconds_text(timeout)}; {_cancel(client, job)}")
        job = client.with_text(job)
    _show(job, as_json=as_json)


def _wait(client: FrontierClient, job: JobView, timeout: float) -> JobView:
    give_up_at = time.monotonic() + timeout
    with _spinner() as spinner:
        while not job.is_final and (left := give_up_at - time.monotonic()) > 0:
            if spinner:
                spinner.update(_waiting_line(job))
            look_seconds = WATCHED_LOOK_SECONDS if spinner else UNWATCHED_LOOK_SECONDS
            job = client.wait(job.id, seconds=min(look_seconds, left))
    return job


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """A `kill` leaves no job behind either."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _spinner() -> Iterator[Status | None]:
    console = stderr()
    if not console.is_terminal:
        yield None
        return
    with console.status("submitted") as spinner:
        yield spinner


def _waiting_line(job: JobView) -> str:
    queue, progress = job.member("queue"), job.member("progress")
    words = [str(job.state)]
    if queue.get("position") is not None:
        words.append(f"position {queue['position']}")
    if queue.get("eta_s") is not None:
        words.append(f"about {seconds_text(queue['eta_s'])}")
    if progress.get("completion_tokens"):
        words.append(f"{progress['completion_tokens']} of {progress.get('max_tokens', '?')} tokens")
    return ", ".join(words)


def _cancel(client: FrontierClient, job: JobView) -> str:
    after = client.cancel(job.id)
    if after.is_final and str(after.state) != "cancelled":
        return f"job {job.id} had already {after.state}; see it with `frontier jobs show {job.id}`"
    return f"job {job.id} was cancelled"


def _show(job: JobView, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(job.body, indent=2, ensure_ascii=False))
    elif job.succeeded:
        print_text(job.text or "")
        note(timing_line(job))
    if not job.succeeded:
        raise fail(f"job {job.id} {job.state}" + (f": {problem_sentence(job.error)}" if job.error else ""))
