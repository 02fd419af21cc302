"""Requests that are traced, and what their jobs know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.process import ApiProcess
from jobs.lease import Lease
from jobs.store import JobStore
from tests.api.conftest import Api, Worker
from tests.collector import Collected, Collector

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BODY = {"input": {"prompt": "nightingale"}}


class TracedApi(Api):
    """A client of a process that sends its traces to a collector."""

    def __init__(self, process: ApiProcess, collector: Collector) -> None:
        super().__init__(process.test_client())
        self._collector = collector
        self._before = len(collector.spans)

    def send(self, method: str, path: str, **options: Any) -> Any:
        """The answer, read to its end."""
        return super().send(method, path, **{"buffered": True, **options})

    def spans(self, count: int) -> list[Collected]:
        """The first so many since this client was made, by when they began."""
        found = self._collector.wait_for(lambda spans: len(spans) - self._before >= count)[self._before :]
        assert len(found) == count
        return sorted(found, key=lambda one: one.span.start_time_unix_nano)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def make_traced(make_process: Callable[..., ApiProcess], collector: Collector) -> Callable[[str], ApiProcess]:
    def make(ratio: str) -> ApiProcess:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
            return make_process({"OTLP_ENDPOINT": collector.endpoint, "TRACING_SAMPLE_RATIO": ratio})

    return make


@pytest.fixture(scope="module")
def traced_process(make_traced: Callable[[str], ApiProcess]) -> ApiProcess:
    return make_traced("1")


@pytest.fixture
def traced(traced_process: ApiProcess, collector: Collector, redis_url: str) -> TracedApi:
    del redis_url
    return TracedApi(traced_process, collector)


def lease_of(store: JobStore, api: Api, **headers: str) -> Lease:
    """Of a job that its own request publishes."""
    worker = Worker(store)
    worker.join()
    return worker.claim(api.send("POST", "/v1/jobs", json=BODY, headers=headers).json["id"])


def test_a_request_is_named_by_its_route_and_tells_nothing_that_a_stranger_has_written(traced: TracedApi) -> None:
    traced.send("GET", "/v1/jobs/job_nightingale?nightingale=1")
    traced.send("GET", "/nightingale")
    traced.send("GET", "/v1/models", headers={"Authorization": "Bearer nightingale", "User-Agent": "nightingale"})

    spans = traced.spans(3)
    assert [(one.name, one.kind, one.attributes["http.response.status_code"]) for one in spans] == [
        ("GET /v1/jobs/<job_id>", "SERVER", 404),
        ("GET", "SERVER", 404),
        ("GET /v1/models", "SERVER", 401),
    ]
    assert not any("nightingale" in str(one.span) for one in spans)


def test_what_machines_ask_again_and_again_has_no_span(traced: TracedApi) -> None:
    for path in ("/health", "/health/live", "/health/ready", "/metrics"):
        assert traced.send("GET", path).status_code in {200, 503}
    traced.send("GET", "/v1/models")
    assert [one.name for one in traced.spans(1)] == ["GET /v1/models"]


def test_a_job_knows_the_span_of_its_request(traced: TracedApi, store: JobStore) -> None:
    lease = lease_of(store, traced)
    request, accept, publish = traced.spans(3)
    assert (lease.traceparent, lease.is_traced) == (f"00-{request.trace_id}-{request.id}-01", True)
    assert (accept.name, accept.parent_id, publish.kind, publish.parent_id) == (
        "accept",
        request.id,
        "PRODUCER",
        request.id,
    )


def test_a_dispatch_publishes_each_job_in_its_own_trace(traced: TracedApi, store: JobStore) -> None:
    """The request of the second job finds room for both."""
    first = traced.send("POST", "/v1/jobs", json=BODY).json["id"]
    Worker(store).join()
    second = traced.send("POST", "/v1/jobs", json=BODY).json["id"]

    spans = traced.spans(6)
    requests = [one for one in spans if one.kind == "SERVER"]
    publishes = {one.attributes["frontier.job.id"]: one for one in spans if one.kind == "PRODUCER"}
    assert [publishes[job_id].parent_id for job_id in (first, second)] == [one.id for one in requests]
    assert len({one.trace_id for one in publishes.values()}) == 2


def test_a_caller_s_trace_goes_on(traced: TracedApi, store: JobStore) -> None:
    lease = lease_of(store, traced, traceparent=GIVEN)
    request, *_ = traced.spans(3)
    assert (request.trace_id, request.parent_id) == tuple(GIVEN.split("-")[1:3])
    assert lease.traceparent == f"00-{request.trace_id}-{request.id}-01"


def test_a_trace_that_its_caller_does_not_record_is_passed_on_as_it_came(traced: TracedApi, store: JobStore) -> None:
    given = GIVEN[:-2] + "00"
    lease = lease_of(store, traced, traceparent=given)
    assert (lease.traceparent, lease.is_traced, lease.first_token) == (given, False, None)
    traced.send("GET", "/v1/models")
    assert [one.name for one in traced.spans(1)] == ["GET /v1/models"]


def test_where_nothing_is_sampled_a_caller_s_trace_is_passed_on_and_no_other_begun(
    make_traced: Callable[[str], ApiProcess], redis_url: str, collector: Collector, store: JobStore
) -> None:
    del redis_url
    process = make_traced("0")
    api = TracedApi(process, collector)
    passed_on, none = lease_of(store, api, traceparent=GIVEN), lease_of(store, api)
    assert (passed_on.traceparent, passed_on.is_traced) == (GIVEN, False)
    assert (none.traceparent, none.is_traced) == (None, False)
    process.tracing.close()
    assert api.spans(0) == []


def test_a_later_lease_knows_the_first(traced: TracedApi, store: JobStore) -> None:
    first = lease_of(store, traced)
    assert store.finish(first, Worker.failed, retry_after_seconds=0) == "ok"
    store.sweep()
    second = Worker(store).claim(first.job_id)
    assert (first.first_span_id, second.first_span_id) == (None, first.span_id)
    assert second.span_id != first.span_id
