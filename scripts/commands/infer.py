"""`frontier infer`: one prompt, its completion, and how long that took."""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.status import Status

from jobs.job import Priority
from scripts.address import find_address
from scripts.client import FrontierClient
from scripts.generation import (
    CacheOption,
    ChatOption,
    DataDirOption,
    Generation,
    JsonOption,
    MaxTokensOption,
    ModelOption,
    PriorityOption,
    SeedOption,
    StopOption,
    TemperatureOption,
    TopKOption,
    TopPOption,
    UrlOption,
    infer_form,
    read_prompt,
)
from scripts.interrupts import INTERRUPTED, OutOfTime, sigterm_interrupts, time_limit
from scripts.job_view import JobView
from scripts.job_words import ended_words, state_words
from scripts.screen import fail, note, one_line_errors, print_text, stderr
from scripts.timings import seconds_text, timing_line
from scripts.token_page import TokenPage

WATCHED_LOOK_SECONDS = 2.0
UNWATCHED_LOOK_SECONDS = 30.0

Begun = tuple[str, Callable[[], JobView]]
"""The id of a job, and what waits for its end and prints it."""


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
    priority: PriorityOption = Priority.INTERACTIVE,
    cache: CacheOption = None,
    as_json: JsonOption = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Print the text as it comes; with --json each event.")
    ] = False,
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
        priority=priority,
        cache=cache,
    )
    body = generation.body(read_prompt(prompt))
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        key = uuid.uuid4().hex
        begin = _begin_stream if stream else _begin
        job_id, finish = begin(client, body, key, as_json=as_json)
        try:
            with sigterm_interrupts(), time_limit(timeout):
                job = finish()
        except KeyboardInterrupt:
            note(_cancel(client, job_id))
            raise typer.Exit(INTERRUPTED) from None
        except OutOfTime:
            raise fail(f"no result within {seconds_text(timeout)}; {_cancel(client, job_id)}") from None
        except BrokenPipeError:
            _cancel(client, job_id)
            raise
    if job.succeeded and not as_json:
        note(timing_line(job))
    if not job.succeeded:
        raise fail(ended_words(job))


def _begin(client: FrontierClient, body: dict[str, Any], key: str, *, as_json: bool) -> Begun:
    job = client.submit(body, idempotency_key=key)
    return job.id, lambda: _print_whole(client.with_text(_wait(client, job)), as_json=as_json)


def _wait(client: FrontierClient, job: JobView) -> JobView:
    with _spinner() as spinner:
        while not job.is_final:
            if spinner:
                spinner.update(state_words(job.body))
            job = client.wait(job.id, seconds=WATCHED_LOOK_SECONDS if spinner else UNWATCHED_LOOK_SECONDS)
    return job


def _print_whole(job: JobView, *, as_json: bool) -> JobView:
    if as_json:
        typer.echo(json.dumps(job.body, indent=2, ensure_ascii=False))
    elif job.succeeded:
        print_text(job.text or "")
    return job


def _begin_stream(client: FrontierClient, body: dict[str, Any], key: str, *, as_json: bool) -> Begun:
    """Of a chat, `POST /v1/infer` knows nothing: it is submitted and then followed."""
    if "prompt" in body["input"]:
        following = client.infer(infer_form(body), idempotency_key=key)
    else:
        following = client.follow(client.submit(body, idempotency_key=key).id)

    def finish() -> JobView:
        with _spinner() as spinner:
            if spinner is None:
                return TokenPage(as_json=as_json, tell=lambda _: None).show(following)
            return TokenPage(as_json=as_json, tell=spinner.update, clear=spinner.stop).show(following)

    return following.job_id, finish


@contextmanager
def _spinner() -> Iterator[Status | None]:
    console = stderr()
    if not console.is_terminal:
        yield None
        return
    with console.status("submitted") as spinner:
        yield spinner


def _cancel(client: FrontierClient, job_id: str) -> str:
    after = client.cancel(job_id)
    if after.is_final and str(after.state) != "cancelled":
        return f"job {job_id} had already {after.state}; see it with `frontier jobs show {job_id}`"
    return f"job {job_id} was cancelled"
