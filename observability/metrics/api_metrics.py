"""What the API measures of its requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from observability.metrics import api_catalogue as catalogue
from observability.metrics.instruments import Instruments
from observability.metrics.recent_times import RecentTimes

_PERCENTILES = {catalogue.DURATION_P50: 0.5, catalogue.DURATION_P95: 0.95, catalogue.DURATION_P99: 0.99}


class ApiMetrics(Collector):
    """One process's part; routes are those of the catalogue. `clock` is monotonic. Collects the percentiles."""

    def __init__(self, instruments: Instruments, *, clock: Callable[[], float]) -> None:
        self._requests = instruments.counter(catalogue.REQUESTS)
        self._durations = instruments.histogram(catalogue.DURATION)
        self._recent = RecentTimes(clock, instruments.folder)
        self._limits = instruments.counter(catalogue.RATE_LIMIT_HITS)
        self._cache = {
            True: instruments.counter(catalogue.CACHE_HITS),
            False: instruments.counter(catalogue.CACHE_MISSES),
        }
        self._waits = instruments.histogram(catalogue.WAITS)
        self._streams = instruments.gauge(catalogue.STREAMS)
        self._first_frames = instruments.histogram(catalogue.STREAM_FIRST_FRAME)
        self._stream_durations = instruments.histogram(catalogue.STREAM_DURATION)
        self._errors = {
            "4xx": instruments.counter(catalogue.ERRORS_4XX),
            "5xx": instruments.counter(catalogue.ERRORS_5XX),
        }
        self._of_kind: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """What has never happened is told as 0 times, so that its first time is seen as one."""
        for route in catalogue.ROUTES:
            for errors in self._errors.values():
                errors.labels(route)
        for limit in catalogue.LIMITS:
            self._limits.labels(limit)
        for route in catalogue.WAITING:
            self._waits.labels(route)
        for route in catalogue.STREAMING:
            for of_streams in (self._streams, self._first_frames, self._stream_durations):
                of_streams.labels(route)
        for route in ("infer", "jobs", "openai", "responses"):
            self._measured(route, "POST", 2)

    def request_answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request, and the time to the first byte of its answer that nobody has asked for."""
        ms = max(0.0, seconds) * 1000
        known = method if method in catalogue.METHODS else catalogue.OTHER_METHOD
        requests, durations = self._measured(route, known, status // 100)
        requests.inc()
        durations.observe(ms)
        self._recent.add(ms)
        errors = self._errors.get(f"{status // 100}xx")
        if errors is not None:
            errors.labels(route).inc()

    def _measured(self, route: str, method: str, hundreds: int) -> tuple[Counter, Histogram]:
        kind = (route, method, hundreds)
        found = self._of_kind.get(kind)
        if found is None:
            labels = (route, method, f"{hundreds}xx")
            found = self._of_kind[kind] = (self._requests.labels(*labels), self._durations.labels(*labels))
        return found

    def request_waited(self, route: str, seconds: float) -> None:
        """Of a request that was answered: for how long it was held because its client asked for that."""
        self._waits.labels(route).observe(seconds)

    def limit_hit(self, limit: str) -> None:
        """A request was refused for want of what the catalogue calls so."""
        self._limits.labels(limit).inc()

    def cache_asked(self, is_hit: bool) -> None:  # noqa: FBT001 - what a cache tells
        """Somebody has looked for a kept result."""
        self._cache[is_hit].inc()

    def stream_began(self, route: str) -> None:
        self._streams.labels(route).inc()

    def stream_told(self, route: str, seconds: float) -> None:
        """The first frame of a stream was made, so long after it began."""
        self._first_frames.labels(route).observe(seconds)

    def stream_ended(self, route: str, seconds: float) -> None:
        """A stream is over that began so long ago."""
        self._streams.labels(route).dec()
        self._stream_durations.labels(route).observe(seconds)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The percentiles of all processes."""
        found = self._recent.percentiles(*_PERCENTILES.values())
        for metric, value in zip(_PERCENTILES, found, strict=True):
            yield GaugeMetricFamily(metric.name, metric.help, value)
