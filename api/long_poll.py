"""Holds a request until what it asks for has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from api.wakeups import Wakeups
from jobs.errors import StoreUnavailable

Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class LongPoll:
    """Waits by wake-ups, and looks again by itself every `reread_seconds`; `clock` is monotonic.

    `on_waited` is told for how many seconds a request was held.
    """

    wakeups: Wakeups
    clock: Callable[[], float]
    reread_seconds: float = 5.0
    on_waited: Callable[[float], None] = lambda _: None

    def look(
        self, find: Callable[[], Found], *, channel: str, seconds: float, is_enough: Callable[[Found], bool]
    ) -> Found:
        """What is found as soon as it *is_enough*, or as it stands after *seconds*.

        The watch of the *channel* begins before the first look, so no change falls between the two. A store that goes
        away during the wait may come back in time; only the first look fails for it. A process that is about to end
        answers early.
        """
        if seconds <= 0:
            return find()
        until = self.clock() + seconds
        with self.wakeups.watch(channel) as watch:
            found = find()
            while not is_enough(found) and not self.wakeups.is_draining and (left := until - self.clock()) > 0:
                watch.wait(min(left, self.reread_seconds))
                self.on_waited(left - (until - self.clock()))
                try:
                    found = find()
                except StoreUnavailable:
                    continue
            return found
