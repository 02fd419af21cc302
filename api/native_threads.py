"""Threads of the operating system, beside the one in which gevent's greenlets take turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import gevent  # type: ignore[import-untyped]
from gevent import monkey

Result = TypeVar("Result")


def is_needed() -> bool:
    """Whether waiting for a disk in this thread would keep every request waiting."""
    return bool(monkey.is_module_patched("threading"))


def in_a_native_thread(work: Callable[[], Result], /) -> Result:
    """Have it done there, and other greenlets go on meanwhile."""
    done = gevent.get_hub().threadpool.apply(_tried, (work,))  # which itself would print what goes wrong
    if isinstance(done, _Failed):
        raise done.error
    return cast("Result", done)


def run_for_ever(work: Callable[[], None]) -> None:
    """Have it done there by a thread that does nothing else."""
    gevent.get_hub().threadpool.spawn(work)


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _tried(work: Callable[[], Result]) -> Result | _Failed:
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
        return _Failed(error)
