"""Spans of attempts, messages and deliveries, by the parents that records name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.events import AttemptFinished, AttemptTimes, DeliveryAttempted, notify
from jobs.job import AttemptError, JobState, Outcome
from jobs.lease import Lease
from jobs.request import InferenceRequest, RequestType
from jobs.webhooks.delivery import DeliveryAttempt, DeliveryLease
from tests.observability.tracing.conftest import Traced

REQUEST = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, PARENT = REQUEST.split("-")[1:3]
CANARY = "nightingale"
LEASE = Lease(
    job_id="job_1",
    tenant=CANARY,
    token=7,
    attempt=1,
    worker="w1",
    request=InferenceRequest(model="m", type=RequestType.COMPLETION, prompt=CANARY),
    run_seconds=60.0,
    ends_as=JobState.FAILED,
    queue_wait_seconds=0.5,
    traceparent=REQUEST,
    is_traced=True,
    first_token=7,
)
TIMES = AttemptTimes(
    claimed_at=10.0, began_at=10.25, first_token_at=10.5, last_token_at=11.5, ended_at=11.625, recorded_at=11.75
)
FAILED = Outcome(state=JobState.FAILED, text=CANARY, error=AttemptError(code="engine_error", message=CANARY))
DELIVERY = DeliveryLease(
    delivery_id="dlv_1",
    tenant=CANARY,
    sender="s1",
    token=1,
    number=1,
    failures=0,
    event_id="evt_1",
    event_type="job.succeeded",
    endpoint_id=None,
    url=f"https://receiver.example/{CANARY}?key={CANARY}",
    body=CANARY.encode(),
    sealed_secrets=(CANARY.encode(),),
    traceparent=REQUEST,
    is_traced=True,
)


def attempt(lease: Lease = LEASE, published_in: str | None = None) -> AttemptFinished:
    return AttemptFinished(lease, "m", "ok", FAILED, TIMES, published_in)


def delivered(lease: DeliveryLease = DELIVERY) -> DeliveryAttempted:
    at = DeliveryAttempt(number=lease.number, at=1e9 + lease.number, seconds=0.5, status=500, error="status")
    return DeliveryAttempted(lease, at, None, None)


def test_the_parts_of_an_attempt_fill_its_time(traced: Traced) -> None:
    notify(traced.tracing.listeners, attempt())

    spans = {one.name: one for one in traced.spans()}
    start = spans["process frontier.m"].span.start_time_unix_nano
    seconds = {
        name: tuple(round((at - start) / 1e9, 3) for at in (one.span.start_time_unix_nano, one.span.end_time_unix_nano))
        for name, one in spans.items()
    }
    assert seconds == {
        "queue wait": (-0.5, 0.0),
        "process frontier.m": (0.0, 1.75),
        "prefill": (0.25, 0.5),
        "decode": (0.5, 1.5),
        "finish": (1.625, 1.75),
    }
    assert spans["process frontier.m"].parent_id == PARENT
    assert spans["process frontier.m"].span.status.code == 2
    assert spans["process frontier.m"].attributes["error.type"] == "engine_error"


def test_a_later_attempt_is_linked_to_the_first_whoever_made_that(traced: Traced) -> None:
    for lease in (LEASE, replace(LEASE, token=9, attempt=2)):
        notify(traced.tracing.listeners, attempt(lease))

    first, second = (one for one in traced.spans() if one.name == "process frontier.m")
    assert first.id == LEASE.span_id
    assert (first.links, second.links) == ([], [(TRACE, first.id)])
    assert first.id != second.id
    assert second.parent_id == PARENT


@pytest.mark.parametrize(
    ("published_in", "parent"),
    [(f"00-{TRACE}-1111111111111111-01", "1" * 16), (f"00-{'2' * 32}-1111111111111111-01", PARENT), (None, PARENT)],
)
def test_an_attempt_hangs_under_its_message_if_that_is_of_its_own_trace(
    traced: Traced, published_in: str | None, parent: str
) -> None:
    notify(traced.tracing.listeners, attempt(published_in=published_in))
    [found] = [one for one in traced.spans() if one.name == "process frontier.m"]
    assert (found.trace_id, found.parent_id) == (TRACE, parent)


def test_each_attempt_to_deliver_is_a_span_and_later_ones_are_linked_to_the_first(traced: Traced) -> None:
    for number in (1, 2, 3):
        notify(traced.tracing.listeners, delivered(replace(DELIVERY, number=number)))

    spans = traced.spans()
    assert [(one.id, one.parent_id) for one in spans] == [
        (replace(DELIVERY, number=number).span_id, PARENT) for number in (1, 2, 3)
    ]
    assert [one.links for one in spans] == [[], [(TRACE, spans[0].id)], [(TRACE, spans[0].id)]]
    assert spans[0].attributes["server.address"] == "receiver.example"


def test_what_is_not_traced_has_no_spans_whatever_flag_its_caller_has_sent(traced: Traced) -> None:
    notify(traced.tracing.listeners, attempt(replace(LEASE, is_traced=False)))
    notify(traced.tracing.listeners, delivered(replace(DELIVERY, is_traced=False)))
    notify(traced.tracing.listeners, attempt(replace(LEASE, is_traced=False, traceparent=None)))
    assert traced.spans() == []


def test_nobody_who_reads_spans_learns_what_was_said_by_whom_or_where_it_goes(
    traced: Traced,
) -> None:
    notify(traced.tracing.listeners, attempt())
    notify(traced.tracing.listeners, delivered())
    assert [one.name for one in traced.spans() if CANARY in str(one.span)] == []


def test_a_message_is_a_span_of_the_trace_of_its_own_job(traced: Traced) -> None:
    other = REQUEST.replace("4bf9", "5bf9")
    with traced.tracing.publishing("frontier.m", {"job_1": REQUEST, "job_2": other}) as headers:
        assert set(headers) == {"job_1", "job_2"}

    spans = {one.attributes["messaging.message.id"]: one for one in traced.spans()}
    assert {job_id: one.trace_id for job_id, one in spans.items()} == {"job_1": TRACE, "job_2": other.split("-")[1]}
    for job_id, one in spans.items():
        assert (one.kind, one.parent_id) == ("PRODUCER", PARENT)
        assert headers[job_id] == {"traceparent": f"00-{one.trace_id}-{one.id}-01"}


def test_a_message_that_did_not_go_out_says_so(traced: Traced) -> None:
    with pytest.raises(OSError, match="away"), traced.tracing.publishing("frontier.m", {"job_1": REQUEST}):
        raise OSError("away")
    [span] = traced.spans()
    assert (span.span.status.code, span.attributes["error.type"]) == (2, "OSError")
