"""Traces of this process, as a collector is sent them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from observability.tracing.settings import TracingSettings
from observability.tracing.tracing import Tracing, open_tracing
from tests.collector import Collected, Collector


class Traced:
    """The tracing of a process and, once it is closed, what became of it."""

    def __init__(self, collector: Collector, tracing: Tracing) -> None:
        self._collector = collector
        self.tracing = tracing

    def spans(self) -> list[Collected]:
        """All of them, by when they began."""
        self.tracing.close()
        return sorted(self._collector.spans, key=lambda one: one.span.start_time_unix_nano)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def make_traced(collector: Collector) -> Iterator[Callable[..., Traced]]:
    made: list[Traced] = []

    def make(**env: str) -> Traced:
        usual = {"OTLP_ENDPOINT": collector.endpoint, "TRACING_SAMPLE_RATIO": "1"}
        settings = TracingSettings.from_env(usual | env, speaks_grpc=False)
        made.append(Traced(collector, open_tracing(settings, service="a-test", instance="1", key=b"k")))
        return made[-1]

    yield make
    for traced in made:
        traced.tracing.close()


@pytest.fixture
def traced(make_traced: Callable[..., Traced]) -> Traced:
    return make_traced()
