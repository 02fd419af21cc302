"""`frontier bulk`: a file of prompts through the queue, a file of results out of it."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import Annotated

import typer

from scripts.address import find_address
from scripts.bulk_drive import drive
from scripts.bulk_files import UnusableFile, default_output, open_source, open_target
from scripts.bulk_input import count_lines, read_lines
from scripts.bulk_report import BulkReport, summary
from scripts.bulk_run import BulkRun, StopSignal, thread_count
from scripts.client import FrontierClient
from scripts.generation import (
    ChatOption,
    DataDirOption,
    Generation,
    MaxTokensOption,
    ModelOption,
    RunLimitOption,
    SeedOption,
    StopOption,
    TemperatureOption,
    TopKOption,
    TopPOption,
    UrlOption,
)
from scripts.patience import Patience
from scripts.screen import fail, note, one_line_errors, stderr

INTERRUPTED = 130


def bulk(
    source: Annotated[Path, typer.Argument(metavar="IN.jsonl", help="JSON objects, one per line; - for stdin.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT.jsonl", help="- for stdout; else IN.results.jsonl, here."),
    ] = None,
    field: Annotated[str, typer.Option("--field", help="The member of each line that holds the prompt.")] = "prompt",
    in_flight: Annotated[int, typer.Option("--in-flight", help="Jobs open at once.", min=1, max=10_000)] = 64,
    patience: Annotated[
        float, typer.Option("--patience", help="Seconds to keep trying while the API is away.", min=0.0)
    ] = 600.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output file that has content.")] = False,
    model: ModelOption = None,
    max_tokens: MaxTokensOption = None,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    top_k: TopKOption = None,
    seed: SeedOption = None,
    stop: StopOption = None,
    chat: ChatOption = False,
    timeout: RunLimitOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Run every line of a file as a job; each ends in one line of output, written as it comes.

    Exits with 0 only if all lines succeeded.
    """
    generation = Generation(
        chat=chat,
        model=model,
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        seed=seed,
        stop=tuple(stop or ()),
        run_limit_seconds=timeout,
    )
    address = find_address(url, data_dir, os.environ)
    target = output or default_output(source)
    stop_signal = StopSignal()
    client = FrontierClient(
        address.url,
        address.token,
        connections=thread_count(in_flight),
        patience=Patience(seconds=patience),
        pause=stop_signal.pause,
    )
    canceller = FrontierClient(address.url, address.token, patience=Patience(seconds=1.0))
    began = time.monotonic()
    try:
        with client, canceller, open_source(source) as lines:
            with one_line_errors(address):
                client.models()  # a wrong address or token ends here, before the output is touched
            total = count_lines(source)
            run = BulkRun(
                client,
                read_lines(lines, field=field),
                run_id=uuid.uuid4().hex[:16],
                generation=generation,
                in_flight=in_flight,
                stop=stop_signal,
            )
            with open_target(target, source=source, overwrite=overwrite) as results:
                report = BulkReport(total, console=stderr(), clock=time.monotonic)
                tally = drive(run, results, report=report, client=client, canceller=canceller, stop=stop_signal)
    except (UnusableFile, OSError) as error:
        raise fail(str(error)) from None
    stderr().print(summary(tally, seconds=time.monotonic() - began, output=str(target)))
    if run.input_error:
        raise fail(f"cannot read on in {source}: {run.input_error}")
    if stop_signal.is_set():
        note(f"Interrupted: {'the other' if total is None else total - tally.lines} lines are left without a result.")
        raise typer.Exit(INTERRUPTED)
    if tally.unsuccessful:
        raise typer.Exit(1)
