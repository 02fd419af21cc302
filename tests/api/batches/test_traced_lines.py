from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from observability.tracing.settings import TracingSettings
from observability.tracing.tracing import Tracing, open_tracing
from tests.api.batches.run_room import TRACE, RunRoom
from tests.api.batches.test_running_lines import numbered
from tests.api.conftest import Worker
from tests.collector import Collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def traced(room: RunRoom, collector: Collector, ratio: str) -> Tracing:
    """Have lines traced."""
    env = {"OTLP_ENDPOINT": collector.endpoint, "TRACING_SAMPLE_RATIO": ratio}
    tracing = open_tracing(TracingSettings.from_env(env, speaks_grpc=False), service="a-test", instance="1")
    submissions = replace(room.work.submissions, line_trace=tracing.line_trace, listeners=tracing.listeners)
    room.work = replace(room.work, submissions=submissions)
    return tracing


def test_each_line_begins_a_trace_that_is_linked_to_the_request_of_its_batch(
    room: RunRoom, collector: Collector
) -> None:
    tracing = traced(room, collector, "1")
    lease = room.claimed(*numbered(3))
    room.feed(lease).feed(2)
    room.feed(lease).feed(2)  # another runner comes to the same lines
    first, _ = jobs = room.lines(lease)
    claimed = Worker(room.jobs).claim(first)
    tracing.close()

    spans = {one.attributes["frontier.job.id"]: one for one in collector.spans}
    assert len(collector.spans) == len(spans) == 2
    assert set(spans) == set(jobs)
    assert len({one.trace_id for one in spans.values()}) == 2
    for one in spans.values():
        assert (one.name, one.parent_id) == ("accept", "")
        assert one.links == [tuple(TRACE.split("-")[1:3])]
        assert one.attributes["frontier.batch.id"] == lease.batch.id
    assert claimed.traceparent == f"00-{spans[first].trace_id}-{spans[first].id}-01"
    assert claimed.is_traced


def test_lines_that_are_not_sampled_have_no_trace(room: RunRoom, collector: Collector) -> None:
    tracing = traced(room, collector, "0")
    lease = room.claimed(*numbered(2))
    room.feed(lease).feed(2)
    claimed = Worker(room.jobs).claim(room.lines(lease)[0])
    tracing.close()

    assert (claimed.traceparent, claimed.is_traced, collector.spans) == (None, False, [])
