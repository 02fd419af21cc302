"""When a stream begins, tells something for the first time, and ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from api.request_metrics import route_of_request
from observability.metrics.api_catalogue import UNKNOWN
from observability.metrics.api_metrics import ApiMetrics


class StreamWatch(Protocol):
    """Is told what becomes of one stream; each of the two at most once."""

    def told(self) -> None:
        """The first frame was made."""

    def ended(self) -> None:
        """The stream is over, however that came."""


class Unmeasured:
    """Where nothing is measured."""

    def told(self) -> None:
        """Nobody counts."""

    def ended(self) -> None:
        """Nobody counts."""


class StreamTimes:
    """Measures a stream that begins now, as the answer to the request at hand; `clock` is monotonic."""

    def __init__(self, metrics: ApiMetrics, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._route = route_of_request() or UNKNOWN
        self._began_at = clock()
        metrics.stream_began(self._route)

    def told(self) -> None:
        self._metrics.stream_told(self._route, self._clock() - self._began_at)

    def ended(self) -> None:
        self._metrics.stream_ended(self._route, self._clock() - self._began_at)
