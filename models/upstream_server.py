"""What all requests to one upstream share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import requests

from models.catalog import Upstream
from models.engine import EngineBusy

SHORTEST_SECONDS = 1.0


class Hold:
    """Keeps requests from a busy server, so that a long queue does not ask it once per job; *clock* is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = float("-inf")

    def begin(self, seconds: float) -> None:
        """The server has just asked to be left alone; its last word counts."""
        self._until = self._clock() + seconds

    def check(self) -> None:
        """Raise EngineBusy with what is left of the time."""
        left = self._until - self._clock()
        if left > 0:
            message = f"the model's server is busy: again in {left:,.0f} s"
            raise EngineBusy(message, retry_after_seconds=max(left, SHORTEST_SECONDS))


@dataclass(frozen=True, kw_only=True)
class Server:
    """One upstream; `api_key` is empty if it needs none, `now` gives Unix seconds, `clock` monotonic ones."""

    upstream: Upstream
    session: requests.Session
    hold: Hold
    api_key: str
    clock: Callable[[], float]
    now: Callable[[], float]
