"""Traces of a deployment of real processes, as a collector is sent them."""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from jobs.webhooks.sealing import new_key
from scripts.ports import free_port
from tests.api.conftest import TOKEN
from tests.api.gunicorn_process import GunicornProcess
from tests.collector import Collected
from tests.grpc_collector import GrpcCollector
from tests.resilience.rude_server import OK, RudeServer
from tests.system.kept_process import KeptProcess, logged
from tests.system.test_sender import SENDER, WITHOUT_COMPANY
from tests.system.worker_process import WorkerProcess, wait_for

FAILED = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
WHOLE = 11
"""Spans of a job that a request waits for, whose webhook is tried twice, and that of the request for the endpoint."""

CANARIES = (b"nightingale", b"secret-path", b"whsec_", TOKEN.encode(), b"fr_live", b"acme-tenant")


class Site:
    """An API, a worker and a sender that send all of their traces to a collector, and a receiver of webhooks."""

    def __init__(self, redis_url: str, folder: Path, cleanup: ExitStack, **env: str) -> None:
        answers = itertools.chain([FAILED], itertools.repeat(OK))
        self.receiver = cleanup.enter_context(RudeServer(lambda connection: connection.sendall(next(answers))))
        self.collector = cleanup.enter_context(GrpcCollector())
        own = {
            "REDIS_URL": redis_url,
            "FRONTIER_SECRET_KEY": new_key(),
            "FRONTIER_LEASE_S": "2",
            "FRONTIER_SWEEP_S": "0.2",
            "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
            "WEBHOOK_SCHEDULE": "0,0.1,0.1",
            "OTLP_ENDPOINT": f"http://{self.collector.host}:4317",
            "TRACING_SAMPLE_RATIO": "1",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            **env,
        }
        self.worker = WorkerProcess(redis_url, folder, tokens_per_second=50, env=own)
        cleanup.callback(self.worker.stop)
        own["TRUTHGPT_CONFIG"] = str(self.worker.config)
        self.sender = sender = KeptProcess(
            "sender", (sys.executable, *SENDER, *WITHOUT_COMPANY), {**own, "FRONTIER_WORKER_NAME": "post-1"}, folder
        )
        cleanup.callback(sender.end)
        sender.start()
        self.api = GunicornProcess(own, folder / "api.log")
        cleanup.callback(self.api.close)
        url = f"http://127.0.0.1:{self.receiver.port}/secret-path"
        endpoint = {"name": "e", "url": url, "event_types": ["job.succeeded"]}
        assert self.api.send("POST", "/v1/webhook_endpoints", endpoint).status < 300

    def end(self) -> None:
        """End all of it in good order, so that nothing waits to be sent."""
        self.api.stop()
        self.sender.end(signal.SIGTERM)
        self.worker.signal(signal.SIGTERM)
        assert self.worker.wait() == 0

    def infer(self, traceparent: str = "") -> str:
        """The id of a job that a request has waited for."""
        body = {"model": "m", "prompt": "the nightingale sings", "max_tokens": 4}
        answer = self.api.send("POST", "/v1/infer", body, traceparent=traceparent)
        assert answer.status == 200, answer.text
        return str(answer.headers["Location"].rpartition("/")[2])


@pytest.fixture
def make_site(redis_url: str, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    with ExitStack() as cleanup:
        yield lambda **env: Site(redis_url, tmp_path, cleanup, **env)


def named(spans: Sequence[Collected], name: str) -> list[Collected]:
    return sorted((one for one in spans if one.name == name), key=lambda one: one.span.start_time_unix_nano)


def webhooks(spans: Sequence[Collected]) -> list[Collected]:
    return [one for one in named(spans, "POST") if one.service == "frontier-sender"]


def has_parents_of_the_attempt(spans: Sequence[Collected]) -> bool:
    """Processes send on their own, so the parts of a trace come in any order."""
    come = {one.id for one in spans}
    attempts = named(spans, "process frontier.m")
    return any(one.parent_id in come for one in attempts) and named(spans, "POST /v1/jobs") != []


def test_one_trace_leads_from_the_request_over_the_engine_to_each_webhook(make_site: Callable[..., Site]) -> None:
    site = make_site()
    site.worker.start()
    job_id = site.infer()
    spans = site.collector.wait_for(lambda spans: len(spans) >= WHOLE)

    [request], [accept] = named(spans, "POST /v1/infer"), named(spans, "accept")
    [publish], [attempt] = named(spans, "publish frontier.m"), named(spans, "process frontier.m")
    parts = [one for part in ("queue wait", "prefill", "decode", "finish") for one in named(spans, part)]
    first, second = webhooks(spans)
    assert [one.kind for one in (request, accept, publish, attempt, *parts, first, second)] == [
        *("SERVER", "INTERNAL", "PRODUCER", "CONSUMER"),
        *("INTERNAL", "INTERNAL", "INTERNAL", "INTERNAL", "CLIENT", "CLIENT"),
    ]
    assert [one.parent_id for one in (request, accept, publish, first, second)] == ["", *[request.id] * 4]
    assert attempt.parent_id == publish.id
    assert {one.parent_id for one in parts} == {attempt.id}
    assert (attempt.links, first.links, second.links) == ([], [], [(first.trace_id, first.id)])
    others = [one.name for one in spans if one.trace_id != request.trace_id]
    assert (len(spans), others) == (WHOLE, ["POST /v1/webhook_endpoints"])

    assert {one.service: one.protocol for one in spans} == {
        "frontier-api": "http",
        "frontier-worker": "grpc",
        "frontier-sender": "grpc",
    }
    assert (request.attributes["http.route"], request.attributes["http.response.status_code"]) == ("/v1/infer", 200)
    assert accept.attributes["frontier.job.id"] == attempt.attributes["frontier.job.id"] == job_id
    assert attempt.attributes["gen_ai.usage.output_tokens"] == 4
    assert [one.attributes["http.response.status_code"] for one in (first, second)] == [500, 200]
    queue_wait, prefill, decode, finish = (one.span for one in parts)
    assert queue_wait.end_time_unix_nano == attempt.span.start_time_unix_nano <= prefill.start_time_unix_nano
    assert prefill.end_time_unix_nano == decode.start_time_unix_nano
    assert decode.end_time_unix_nano <= finish.start_time_unix_nano
    assert finish.end_time_unix_nano == attempt.span.end_time_unix_nano

    sent = [request.partition(b"traceparent: ")[2][:55].decode() for request in site.receiver.requests]
    assert sent == [f"00-{request.trace_id}-{one.id}-01" for one in (first, second)]
    assert [canary for canary in CANARIES if any(canary in body for body in site.collector.requests)] == []


@pytest.mark.long
def test_the_attempt_after_a_lost_one_points_to_it_and_a_caller_that_is_trusted_goes_on(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(TRACING_SAMPLE_RATIO="0", TRACING_TRUST_PARENT="true")
    site.worker.start(FRONTIER_FAILPOINTS="worker.before_finish=kill@1")
    answer = site.api.send(
        "POST", "/v1/jobs", {"model": "m", "input": {"prompt": "hark"}, "params": {"max_tokens": 2}}, traceparent=GIVEN
    )
    assert answer.status == 202
    site.worker.wait()
    site.worker.start()
    spans = site.collector.wait_for(has_parents_of_the_attempt)

    assert {one.trace_id for one in spans} == {GIVEN.split("-")[1]}
    [request], [attempt] = named(spans, "POST /v1/jobs"), named(spans, "process frontier.m")
    publishes = named(spans, "publish frontier.m")
    assert request.parent_id == GIVEN.split("-")[2]
    assert {one.parent_id for one in publishes} == {request.id}
    assert attempt.parent_id in {one.id for one in publishes}
    assert (attempt.attributes["frontier.attempt.number"], named(spans, "queue wait")) == (2, [])
    [(trace_id, first)] = attempt.links
    assert (trace_id, first in {one.id for one in spans}) == (request.trace_id, False), "the first died with its worker"


@pytest.mark.long
def test_housekeeping_has_no_spans(make_site: Callable[..., Site], redis_client: Redis) -> None:
    site = make_site()
    site.worker.start()
    site.infer()
    before = site.collector.wait_for(lambda spans: len(spans) >= WHOLE)
    for _ in range(5):
        for path in ("/health", "/health/live", "/health/ready", "/metrics"):
            site.api.send("GET", path)
        swept = redis_client.get("frontier:tick")
        wait_for(lambda swept=swept: redis_client.get("frontier:tick") != swept)  # type: ignore[misc]
    site.end()

    assert [one.name for one in site.collector.spans[len(before) :]] == []


@pytest.mark.long
def test_what_is_not_sampled_is_not_told_and_a_caller_s_own_trace_goes_on(make_site: Callable[..., Site]) -> None:
    site = make_site(TRACING_SAMPLE_RATIO="0")
    site.worker.start()
    site.infer(traceparent=GIVEN)
    wait_for(lambda: len(site.receiver.requests) == 2)
    site.end()

    assert site.collector.spans == []
    for request in site.receiver.requests:
        assert f"traceparent: {GIVEN[:36]}".encode() in request


@pytest.mark.long
def test_a_collector_that_is_away_is_told_of_once_and_costs_nothing(
    make_site: Callable[..., Site], tmp_path: Path
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    site = make_site(OTLP_ENDPOINT=away, OTEL_EXPORTER_OTLP_TIMEOUT="0.2")
    site.worker.start()
    for _ in range(3):
        site.infer()
        wait_for(lambda: any(logged(tmp_path / "worker.log", "traces_not_exported")))
    site.end()

    for name in ("api", "worker", "sender"):
        assert len(list(logged(tmp_path / f"{name}.log", "traces_not_exported"))) == 1
    assert site.collector.spans == []
