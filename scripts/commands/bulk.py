"""`frontier bulk`: a file of prompts through the queue, a file of results out of it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from jobs.job import Priority
from scripts.address import Address, find_address
from scripts.arguments import given, path
from scripts.bulk_drive import drive
from scripts.bulk_files import STREAM, UnusableFile, default_output, open_source, refuse_one_file_for_both
from scripts.bulk_input import read_lines, survey
from scripts.bulk_output import is_resumable, lines_to_do, open_output
from scripts.bulk_report import Beginning, BulkReport, summary, troubles
from scripts.bulk_run import BulkRun, StopSignal, thread_count
from scripts.bulk_tally import Tally
from scripts.client import FrontierClient
from scripts.generation import (
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
from scripts.screen import fail, note, one_line_errors, stderr

WITHOUT_SUCCESS, INTERRUPTED = 3, 130
NOT_RESUMABLE = "This run cannot go on after an interrupt: it needs a file to read and a file to write."


def bulk(
    source: Annotated[
        Path, typer.Argument(metavar="IN.jsonl", parser=path, help="JSON objects, one per line; - for stdin.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="OUT.jsonl", parser=path, help="- for stdout; else IN.results.jsonl, here."
        ),
    ] = None,
    field: Annotated[
        str, typer.Option("--field", help="The member of each line that holds the prompt.", callback=given)
    ] = "prompt",
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
    timeout: RunLimitOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Run every line of a file as a job; each ends in one line of output, written as it comes.

    The same command again goes on where an interrupted one has ended.
    No line that has its result is paid twice.
    What that takes is kept in OUT.jsonl.run, beside the output.

    Exit codes:
    0 all lines succeeded
    1 it could not begin, or not go on
    2 wrong usage
    3 some lines did not succeed
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
    started = time.monotonic()
    try:
        with client, canceller, open_source(source) as file:
            _end_if_hopeless(client, generation, address)
            refuse_one_file_for_both(source, target)
            surveyed = survey(source)
            goes_on = surveyed is not None and is_resumable(target)
            settings = {"field": field, **generation.settings()}
            with open_output(target, source=surveyed, settings=settings, restart=restart) as results:
                again = results.tally.jobs_without_success() if retry_failed else {}
                began = Beginning.of(results.tally, lines_again=len(again))
                if remark := began.as_sentence() if goes_on else NOT_RESUMABLE:
                    note(remark)
                run = BulkRun(
                    client,
                    lines_to_do(read_lines(file, field=field), done=results.tally, again=again),
                    run_id=results.run_id,
                    earlier=again,
                    generation=generation,
                    in_flight=in_flight,
                    stop=stop_signal,
                )
                total = surveyed.lines if surveyed else None
                report = BulkReport(total, began, console=stderr(), clock=time.monotonic)
                drive(run, results, report=report, client=client, canceller=canceller, stop=stop_signal)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (UnusableFile, OSError) as error:
        raise fail(str(error)) from None
    tally = results.tally
    stderr().print(summary(tally, began, seconds=time.monotonic() - started, output=str(target)))
    _say_more(tally, source, was_cut=stop_signal.is_set() or run.input_error is not None)
    if run.input_error:
        raise fail(f"cannot read on in {source}: {run.input_error}")
    left = None if total is None else total - began.ended(tally)
    if stop_signal.is_set() and left != 0:
        way_on = " The same command goes on with them." if goes_on else ""
        note(f"Interrupted: {'the other' if left is None else left} lines are left without a result.{way_on}")
        raise typer.Exit(INTERRUPTED)
    if tally.unsuccessful:
        if goes_on:
            note("The same command with --retry-failed does the lines without success again.")
        raise typer.Exit(WITHOUT_SUCCESS)


def _end_if_hopeless(client: FrontierClient, generation: Generation, address: Address) -> None:
    """A wrong address, token or setting ends the command here, before the output is touched."""
    with one_line_errors(address):
        models = client.models()
    if complaint := generation.complaint(models):
        raise fail(complaint)


def _say_more(tally: Tally, source: Path, *, was_cut: bool) -> None:
    if tally.unsuccessful:
        stderr().print("", troubles(tally), sep="\n")
    elif not (tally.lines or was_cut):
        note(f"{'stdin' if source == STREAM else source} has no lines")
