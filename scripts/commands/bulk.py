"""`frontier bulk`: a file of prompts through the queue, a file of results out of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from jobs.job import Priority
from scripts import bulk_with_batches
from scripts.address import find_address
from scripts.arguments import choice, given, path
from scripts.bulk_dry_run import tell_of
from scripts.bulk_files import STREAM, default_output
from scripts.bulk_forms import FormName, form_of
from scripts.bulk_order import Order
from scripts.bulk_prompt import Column, PromptMaker, Template
from scripts.bulk_source import Source
from scripts.bulk_with_jobs import carry_out
from scripts.generation import (
    CacheOption,
    ChatOption,
    DataDirOption,
    Generation,
    MaxTokensOption,
    ModelOption,
    PriorityOption,
    RunLimitOption,
    SeedOption,
    StopOption,
    TemperatureOption,
    TopKOption,
    TopPOption,
    UrlOption,
)
from scripts.patience import Patience


def bulk(
    source: Annotated[
        Path | None, typer.Argument(metavar="IN.jsonl", parser=path, help="JSON objects, one per line; - for stdin.")
    ] = None,
    *,
    from_csv: Annotated[
        Path | None,
        typer.Option(
            "--from-csv", metavar="IN.csv", parser=path, help="In its place: rows under a header; - for stdin."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUT", parser=path, help="- for stdout; else IN.results.jsonl, or .csv, here."
        ),
    ] = None,
    form: Annotated[
        FormName | None, choice("--format", FormName, "Of the output; by default csv if OUT is named so, else jsonl.")
    ] = None,
    field: Annotated[
        str | None,
        typer.Option("--field", help='The column that is the prompt; by default "prompt".', callback=given),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            metavar='"…{column}…"',
            help="The prompt, with columns in braces; {{ and }} are braces themselves.",
            callback=given,
        ),
    ] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="Send the lines as a file and have the server run them as a batch.")
    ] = False,
    batch_lines: Annotated[
        int, typer.Option("--batch-lines", help="Most lines of one batch.", min=1, max=10_000_000)
    ] = 50_000,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell lines, tokens and time; submit and write nothing.")
    ] = False,
    in_flight: Annotated[int, typer.Option("--in-flight", help="Jobs open at once.", min=1, max=10_000)] = 64,
    patience: Annotated[
        float, typer.Option("--patience", help="Seconds to keep trying while the API is away.", min=0.0)
    ] = 600.0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also do again the lines that ended without success.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Replace what stands in the output and do every line anew.")
    ] = False,
    model: ModelOption = None,
    max_tokens: MaxTokensOption = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    top_k: TopKOption = None,
    seed: SeedOption = None,
    stop: StopOption = None,
    chat: ChatOption = False,
    priority: PriorityOption = Priority.BATCH,
    cache: CacheOption = None,
    timeout: RunLimitOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Run every line of a file as a job; each ends in one line of output, written as it comes.

    A line is a JSON object, or with --from-csv a row under a header.

    The same command again goes on where an interrupted one has ended.
    No line that has its result is paid twice.
    What that takes is kept in OUT.run, beside the output.

    Exit codes:
    0 all lines succeeded
    1 it could not begin, or not go on
    2 wrong usage
    3 some lines did not succeed, or with --dry-run would be refused
    130 interrupted
    """
    if retry_failed and restart:
        raise typer.BadParameter("--restart does every line again", param_hint="--retry-failed")
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
    address = find_address(url, data_dir, os.environ)
    origin = _source(source, from_csv, _prompt_maker(field, template))
    form = form or (FormName.JSONL if output is None else FormName.of(output))
    target = output or default_output(origin.path, f".{form}")
    settings = {
        "field": None if template else origin.prompt.columns[0],
        "template": template,
        "from_csv": origin.is_csv or None,
        "batch": batch or None,
        "format": None if form is FormName.JSONL else str(form),
        **generation.settings(),
    }
    order = Order(
        source=origin,
        target=target,
        form=form_of(form),
        settings=settings,
        generation=generation,
        in_flight=in_flight,
        batch_lines=batch_lines,
        retry_failed=retry_failed,
        restart=restart,
    )
    if batch and (timeout is not None or priority is not Priority.BATCH):
        raise typer.BadParameter("a batch has neither --timeout nor another --priority", param_hint="--batch")
    if dry_run:
        tell_of(order, address, in_flight=None if batch else in_flight)
    elif batch:
        bulk_with_batches.carry_out(order, address, patience=Patience(seconds=patience))
    else:
        carry_out(order, address, patience=Patience(seconds=patience))


def _source(jsonl: Path | None, csv: Path | None, prompt: PromptMaker) -> Source:
    if (jsonl is None) is (csv is None):
        raise typer.BadParameter("give one of IN.jsonl and --from-csv IN.csv", param_hint="IN.jsonl")
    return Source(path=csv or jsonl or STREAM, is_csv=csv is not None, prompt=prompt)


def _prompt_maker(field: str | None, template: str | None) -> PromptMaker:
    if template is None:
        return Column(field or "prompt")
    if field is not None:
        raise typer.BadParameter("--template says already what the prompt is", param_hint="--field")
    try:
        return Template.parse(template)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--template") from None
