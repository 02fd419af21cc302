"""How long the request at hand has taken, and how much of that its client has asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, g, has_request_context, request

from api.body_deadline import seconds_of_body


@dataclass(slots=True)
class RequestTimes:
    """In seconds; `began_at` is by a monotonic clock."""

    began_at: float
    waited: float = 0.0

    def own(self, now: float) -> float:
        """What neither a wait that was asked for nor the arrival of the body has taken."""
        return now - self.began_at - self.waited - seconds_of_body(request.environ)


def add_request_times(app: Flask, clock: Callable[[], float]) -> None:
    """Begin to count for each request; register before whatever may take long."""

    @app.before_request
    def begin() -> None:
        g.request_times = RequestTimes(clock())


def times_of_request() -> RequestTimes | None:
    """Those of the request at hand, where they are counted."""
    found: RequestTimes | None = g.get("request_times") if has_request_context() else None
    return found


def note_wait(seconds: float) -> None:
    """The request at hand was held for so long because its client has asked to wait."""
    times = times_of_request()
    if times is not None:
        times.waited += seconds


def hold_request(seconds: float) -> None:
    """Hold the request at hand, whose client has asked for something that takes a while."""
    time.sleep(seconds)
    note_wait(seconds)
