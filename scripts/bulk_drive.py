"""Takes a bulk run to its end: writes what comes, shows how far it is, and stops it in good order."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from scripts.bulk_files import UnusableFile
from scripts.bulk_output import OpenOutput
from scripts.bulk_report import BulkReport
from scripts.bulk_run import BulkRun, StopSignal
from scripts.client import FrontierClient

TICK_SECONDS = 0.25
FAREWELL_SECONDS = 5.0


def drive(
    run: BulkRun,
    output: OpenOutput,
    *,
    report: BulkReport,
    client: FrontierClient,
    canceller: FrontierClient,
    stop: StopSignal,
) -> None:
    """Adds each outcome of *run* to *output*; Ctrl-C, SIGTERM and SIGHUP set *stop*, a second one breaks off.

    After *stop* the jobs in flight are cancelled through *canceller*, and what still comes is written.
    """
    leave_at: float | None = None
    with report, _interrupts_set(stop):
        for outcome in run.outcomes(every_seconds=TICK_SECONDS):
            if outcome is not None:
                try:
                    output.add(outcome)
                except UnusableFile:
                    stop.set()
                    run.abandon(canceller)
                    raise
            report.show(output.tally, trouble=client.trouble)
            if leave_at is None and stop.is_set():
                leave_at = time.monotonic() + FAREWELL_SECONDS
                run.abandon(canceller)
            if leave_at is not None and time.monotonic() > leave_at:
                break


@contextmanager
def _interrupts_set(stop: StopSignal) -> Iterator[None]:
    """An interrupt must not break in between a result taken and the same result written."""

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_interrupt) for number in _interrupts()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupts() -> list[signal.Signals]:
    """`nohup` has SIGHUP ignored, and that must stay so."""
    interrupts = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        interrupts.append(signal.SIGHUP)
    return interrupts
