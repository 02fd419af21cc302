"""Where work is done that waits for a disk or a network."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

Result = TypeVar("Result")


KeepRunning = Callable[[Callable[[], None]], object]
"""Has something run in a thread of its own for as long as the process lives."""


class Aside(Protocol):
    """Does some work and answers what it answers; an event loop has it done in a thread beside it."""

    def __call__(self, work: Callable[[], Result], /) -> Result: ...


def at_once(work: Callable[[], Result], /) -> Result:
    """In the thread that asks."""
    return work()


def running_loop(keep_running: KeepRunning) -> asyncio.AbstractEventLoop:
    """An event loop that another thread runs, made there: one of gevent's belongs to the thread that makes it."""
    made: list[asyncio.AbstractEventLoop] = []
    is_made = threading.Event()

    def run() -> None:
        made.append(asyncio.new_event_loop())
        is_made.set()
        made[0].run_forever()

    keep_running(run)
    is_made.wait()
    return made[0]
