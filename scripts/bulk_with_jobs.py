"""A bulk run that submits each line as a job, from its beginning to what is said at its end."""

from __future__ import annotations

import time

import typer

from scripts.address import Address
from scripts.bulk_drive import drive
from scripts.bulk_files import UnusableFile, refuse_one_file_for_both
from scripts.bulk_order import Order, models_for
from scripts.bulk_output import is_resumable, lines_to_do, open_output
from scripts.bulk_report import Beginning, BulkReport, rate_words, summary, troubles
from scripts.bulk_run import BulkRun, StopSignal, thread_count
from scripts.bulk_source import Source
from scripts.bulk_tally import Tally
from scripts.client import FrontierClient
from scripts.patience import Patience
from scripts.screen import fail, note, stderr

WITHOUT_SUCCESS, INTERRUPTED = 3, 130
NOT_RESUMABLE = "This run cannot go on after an interrupt: it needs a file to read and a file to write."


def carry_out(order: Order, address: Address, *, patience: Patience) -> None:
    """Does all lines of *order*; raises typer.Exit unless all have succeeded."""
    stop = StopSignal()
    client = FrontierClient(
        address.url,
        address.token,
        connections=thread_count(order.in_flight),
        patience=patience,
        pause=stop.pause,
    )
    canceller = FrontierClient(address.url, address.token, patience=Patience(seconds=1.0))
    started = time.monotonic()
    try:
        with client, canceller, order.source.opened() as file:
            models_for(client, order.generation, address)
            refuse_one_file_for_both(order.source.path, order.target)
            surveyed = order.source.survey()
            goes_on = surveyed is not None and is_resumable(order.target)
            with open_output(
                order.target, order.form, source=surveyed, settings=order.settings, restart=order.restart
            ) as results:
                again = results.tally.jobs_without_success() if order.retry_failed else {}
                began = Beginning.of(results.tally, lines_again=len(again))
                if remark := began.as_sentence() if goes_on else NOT_RESUMABLE:
                    note(remark)
                run = BulkRun(
                    client,
                    lines_to_do(order.source.lines(file), done=results.tally, again=again),
                    run_id=results.run_id,
                    earlier=again,
                    generation=order.generation,
                    in_flight=order.in_flight,
                    stop=stop,
                )
                total = surveyed.lines if surveyed else None
                report = BulkReport(total, began, console=stderr(), clock=time.monotonic)
                drive(run, results, report=report, client=client, canceller=canceller, stop=stop)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (UnusableFile, OSError) as error:
        raise fail(str(error)) from None
    tally = results.tally
    seconds = time.monotonic() - started
    rate = rate_words(tally, began, seconds=seconds)
    stderr().print(summary(tally, began, seconds=seconds, rate=rate, output=str(order.target)))
    _say_more(tally, order.source, was_cut=stop.is_set() or run.input_error is not None)
    if run.input_error:
        raise fail(f"cannot read on in {order.source.name}: {run.input_error}")
    left = None if total is None else total - began.ended(tally)
    if stop.is_set() and left != 0:
        way_on = " The same command goes on with them." if goes_on else ""
        note(f"Interrupted: {'the other' if left is None else left} lines are left without a result.{way_on}")
        raise typer.Exit(INTERRUPTED)
    if tally.unsuccessful:
        if goes_on:
            note("The same command with --retry-failed does the lines without success again.")
        raise typer.Exit(WITHOUT_SUCCESS)


def _say_more(tally: Tally, source: Source, *, was_cut: bool) -> None:
    if tally.unsuccessful:
        stderr().print("", troubles(tally), sep="\n")
    elif not (tally.lines or was_cut):
        note(f"{source.name} has no lines")
