"""`frontier submit`: leave a job in the queue and print its id."""

from __future__ import annotations

import json
import os
import uuid
from typing import Annotated

import typer

from scripts.address import find_address
from scripts.arguments import given
from scripts.client import FrontierClient
from scripts.generation import (
    CacheOption,
    ChatOption,
    DataDirOption,
    Generation,
    JsonOption,
    MaxTokensOption,
    MetadataOption,
    ModelOption,
    PriorityOption,
    RunLimitOption,
    SeedOption,
    StopOption,
    TemperatureOption,
    TopKOption,
    TopPOption,
    UrlOption,
    metadata_pairs,
    read_prompt,
)
from scripts.screen import one_line_errors


def submit(
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
    priority: PriorityOption = None,
    cache: CacheOption = None,
    metadata: MetadataOption = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", help="The same key and prompt again give the same job.", callback=given),
    ] = None,
    timeout: RunLimitOption = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", metavar="URL", help="Tell the job's end to this address.", callback=given)
    ] = None,
    include_result: Annotated[
        bool, typer.Option("--include-result", help="Send the result along to --webhook, unless it is long.")
    ] = False,
    as_json: JsonOption = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Submit a prompt and print the id of its job without waiting for it."""
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
        run_limit_seconds=timeout,
    )
    if idempotency_key is not None and not (idempotency_key.isascii() and idempotency_key.isprintable()):
        raise typer.BadParameter("only visible ASCII characters can be sent", param_hint="--idempotency-key")
    if include_result and webhook is None:
        raise typer.BadParameter("needs --webhook", param_hint="--include-result")
    body = generation.body(read_prompt(prompt), metadata_pairs(metadata))
    if webhook is not None:
        body["webhook"] = {"url": webhook} | ({"include": ["result"]} if include_result else {})
    address = find_address(url, data_dir, os.environ)
    with one_line_errors(address), FrontierClient(address.url, address.token) as client:
        job = client.submit(body, idempotency_key=idempotency_key or uuid.uuid4().hex)
    typer.echo(json.dumps(job.body, indent=2, ensure_ascii=False) if as_json else job.id)
