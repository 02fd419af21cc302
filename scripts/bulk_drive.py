"""Takes a bulk run to its end: writes what comes, shows how far it is, and stops it in good order."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO

from scripts.bulk_outcome import Tally
from scripts.bulk_report import BulkReport
from scripts.bulk_run import BulkRun, StopSignal
from scripts.client import FrontierClient

TICK_SECONDS = 0.25
FAREWELL_SECONDS = 5.0


def drive(
    run: BulkRun,
    output: BinaryIO,
    *,
    report: BulkReport,
    client: FrontierClient,
    canceller: FrontierClient,
    stop: StopSignal,
) -> Tally:
    """Writes each outcome of *run* to *output* at once and flushes it; Ctrl-C sets *stop*, a second one breaks off.

    After *stop* the jobs in flight are cancelled through *canceller*, and what still comes is written.
    """
    tally = Tally()
    leave_at: float | None = None
    with report, _interrupt_sets(stop):
        for outcome in run.outcomes(every_seconds=TICK_SECONDS):
            if outcome is not None:
                try:
                    output.write(outcome.as_bytes())
                    output.flush()
                except OSError:
                    stop.set()
                    run.abandon(canceller)
                    raise
                tally.add(outcome)
            report.show(tally, trouble=client.trouble)
            if leave_at is None and stop.is_set():
                leave_at = time.monotonic() + FAREWELL_SECONDS
                run.abandon(canceller)
            if leave_at is not None and time.monotonic() > leave_at:
                break
    return tally


@contextmanager
def _interrupt_sets(stop: StopSignal) -> Iterator[None]:
    """Ctrl-C must not break in between a result taken and the same result written."""

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
