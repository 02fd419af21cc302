"""What is written when a job ends, in the same script."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.job import AttemptError, JobState, Outcome
from jobs.webhooks.delivery import DeliveryStatus
from tests.jobs.webhooks.conftest import EPOCH, ORIGIN, TENANT, PostRoom, body_of, webhook


def test_a_result_leaves_as_a_thin_event_in_the_form_of_both_specifications(post: PostRoom) -> None:
    job_id = post.end()
    lease = post.claim_next()
    assert lease.url == f"{ORIGIN}/in?key=1"
    assert body_of(lease) == {
        "id": lease.event_id,
        "object": "event",
        "created_at": int(EPOCH),
        "type": "job.succeeded",
        "timestamp": "2027-01-15T08:00:00.000Z",
        "data": {"id": job_id, "object": "job", "model": "m", "status": "succeeded"},
    }


@pytest.mark.parametrize("instant", [0.001, 951_782_400, 1_709_164_800.5, 4_107_542_399.999, EPOCH + 86_399.25])
def test_the_timestamp_is_the_moment_of_the_end(post: PostRoom, instant: float) -> None:
    post.wait(instant - post.now)
    post.cancelled()
    told = body_of(post.claim_next())["timestamp"]
    assert told == datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_every_way_to_end_is_told(post: PostRoom) -> None:
    ends = {
        post.end(): "job.succeeded",
        post.end(Outcome(state=JobState.FAILED, error=AttemptError(code="x", message="y"))): "job.failed",
        post.cancelled(): "job.cancelled",
        post.accept(start_within_seconds=1): "job.expired",
    }
    post.wait(2)
    post.store.sweep()
    assert {post.delivery(job_id).event_type: job_id for job_id in ends} == {kind: job for job, kind in ends.items()}
    assert {event.subject: event.type for event in post.events.after(TENANT, None).events} == ends


def test_a_lost_job_is_told_of_too(post: PostRoom) -> None:
    job_id = post.accept()
    for number in range(3):
        post.store.heartbeat("w1", model="m", slots=4, instance="w1#1")
        post.store.dispatch("m")
        post.store.claim(job_id, model="m", worker="w1", claim_id=str(number), can_continue=True)
        post.store.rescue_worker("w1")
    assert post.delivery(job_id).event_type == "job.failed"


def test_nothing_is_written_before_the_end_or_by_a_repeat_of_it(post: PostRoom) -> None:
    job_id = post.accept()
    post.store.heartbeat("w1", model="m", slots=4, instance="w1#1")
    post.store.dispatch("m")
    lease: Any = post.store.claim(job_id, model="m", worker="w1", claim_id="c", can_continue=True)
    failed = Outcome(state=JobState.FAILED, error=AttemptError(code="x", message="y"))
    assert post.store.finish(lease, failed, retry_after_seconds=1) == "ok"
    assert post.deliveries(job_id) == []
    assert post.events.after(TENANT, None).events == []
    post.store.cancel(TENANT, job_id)
    post.store.cancel(TENANT, job_id)
    assert post.store.finish(lease, failed) == "already"
    assert len(post.deliveries(job_id)) == len(post.events.after(TENANT, None).events) == 1


def test_a_webhook_hears_only_of_the_ends_it_asks_for(post: PostRoom) -> None:
    asked = webhook(events=("job.failed", "job.expired"))
    assert post.deliveries(post.end(webhook=asked)) == []
    assert post.deliveries(post.cancelled(webhook=asked)) == []
    assert post.deliveries(post.end(Outcome(state=JobState.FAILED), webhook=asked)) != []


def test_the_result_goes_along_where_it_is_included(post: PostRoom) -> None:
    post.end(webhook=webhook(include_result=True))
    data = body_of(post.claim_next())["data"]
    assert data["result"]["text"] == "upon a time"
    assert data["result"]["finish_reason"] == "stop"
    assert data["result"]["usage"]["completion_tokens"] == 0


def test_a_result_above_20_kb_is_told_by_its_address(post: PostRoom) -> None:
    long = Outcome(state=JobState.SUCCEEDED, text="ü" * 10_000, finish_reason="stop")
    job_id = post.end(long, webhook=webhook(include_result=True))
    lease = post.claim_next()
    assert body_of(lease)["data"]["result_url"] == f"/v1/jobs/{job_id}/result"
    assert len(lease.body) < 20_000


def test_the_error_goes_along_where_the_result_would(post: PostRoom) -> None:
    failed = Outcome(state=JobState.FAILED, error=AttemptError(code="timeout", message='It said "no".\n'))
    post.end(failed, webhook=webhook(include_result=True))
    assert body_of(post.claim_next())["data"]["error"] == {"code": "timeout", "message": 'It said "no".\n'}


def test_an_end_that_no_worker_describes_has_its_error_too(post: PostRoom) -> None:
    job_id = post.accept(start_within_seconds=1, webhook=webhook(include_result=True))
    post.accept(start_within_seconds=1, webhook=webhook())
    post.wait(2)
    post.store.sweep()
    error = post.store.find(TENANT, job_id).error
    assert error is not None
    told = [body_of(post.claim(one))["data"].get("error") for one in post.announce()]
    assert sorted(told, key=str) == [None, {"code": "not_started_in_time", "message": error.message}]


def test_any_text_arrives_as_it_is(post: PostRoom) -> None:
    text = 'a"\\\n\t\u0000 \u2028 </script> 漢字 🙂 %d %s'
    post.end(Outcome(state=JobState.SUCCEEDED, text=text), webhook=webhook(include_result=True))
    assert body_of(post.claim_next())["data"]["result"]["text"] == text


def test_a_delivery_outlives_its_job(post: PostRoom) -> None:
    job_id = post.end(retention_seconds=1, webhook=webhook(include_result=True))
    before = post.claim_next()
    post.fail(before, retry_in_seconds=100)
    post.wait(101)
    post.store.sweep()
    assert post.store.list(TENANT).jobs == []
    after = post.claim_next()
    assert (after.event_id, after.body, after.url) == (before.event_id, before.body, before.url)
    post.settle(after)
    assert post.delivery(job_id).status is DeliveryStatus.DELIVERED


def test_erasing_a_job_erases_what_was_to_be_told_of_its_result(post: PostRoom) -> None:
    full, thin = post.end(webhook=webhook(include_result=True)), post.end()
    sent = post.end(webhook=webhook(include_result=True))
    for delivery_id in post.announce():
        if delivery_id == post.delivery(sent).id:
            post.settle(post.claim(delivery_id))
    for job_id in (full, thin, sent):
        post.store.erase(TENANT, job_id)
    assert (post.delivery(full).status, post.delivery(full).ended_as) == (DeliveryStatus.CANCELLED, "job_erased")
    assert post.delivery(thin).status is DeliveryStatus.PENDING
    assert post.delivery(sent).status is DeliveryStatus.DELIVERED
    letters = {key.rpartition(":")[2] for key in post.all_keys() if ":letter:" in key}
    assert letters == {post.delivery(thin).id}


def test_each_endpoint_that_wants_the_event_gets_a_delivery_of_its_own(post: PostRoom) -> None:
    hears = [post.endpoint("job.succeeded"), post.endpoint("job.failed", "job.succeeded")]
    post.endpoint("job.failed")
    off = post.endpoint("job.succeeded")
    post.endpoints.disable(TENANT, off.id)
    job_id = post.end(webhook=None)
    made = post.deliveries(job_id)
    assert {one.endpoint_id for one in made} == {one.id for one in hears}
    assert len({one.event_id for one in made}) == 1
    assert len({one.id for one in made}) == 2


def test_another_tenant_s_endpoints_hear_nothing(post: PostRoom) -> None:
    post.endpoint(tenant="other")
    job_id = post.end(webhook=None)
    assert post.deliveries(job_id) == []
    assert post.events.after("other", None).events == []


def test_a_requeue_tells_as_the_old_job_would_have(post: PostRoom) -> None:
    old = post.cancelled(webhook=webhook(include_result=True), traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    post.settle(post.claim_next())
    new = post.store.requeue(TENANT, old, new_id="job_new").job_id
    post.store.cancel(TENANT, new)
    lease = post.claim_next()
    assert body_of(lease)["data"]["id"] == new
    assert lease.traceparent == "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert post.store.find(TENANT, new).webhook == webhook(include_result=True)


def test_the_trace_of_a_job_goes_along_to_everybody(post: PostRoom) -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    post.endpoint()
    post.cancelled(traceparent=trace)
    assert {post.claim(one).traceparent for one in post.announce()} == {trace}


def test_the_job_says_how_its_webhook_stands(post: PostRoom) -> None:
    job_id = post.accept()
    job = post.store.find(TENANT, job_id)
    assert (job.webhook, job.delivery) == (webhook(), None)
    post.store.cancel(TENANT, job_id)
    post.fail(post.claim_next())
    [job] = post.store.list(TENANT).jobs
    assert job.delivery is not None
    assert (job.delivery.status, job.delivery.attempt_count) == (DeliveryStatus.PENDING, 1)
    assert job.delivery.last_attempt_at == post.now


def test_events_are_listed_behind_any_that_was_seen(post: PostRoom) -> None:
    jobs = [post.cancelled(webhook=None) for _ in range(7)]
    seen: list[str] = []
    last: str | None = None
    while True:
        page = post.events.after(TENANT, last, limit=3)
        seen += [event.subject for event in page.events]
        if not page.has_more:
            break
        last = page.next_after
    assert seen == jobs
    only = post.events.after(TENANT, None, types={"job.failed"})
    assert (only.events, only.has_more) == ([], False)


def test_events_stay_in_order_when_the_clock_is_set_back(post: PostRoom) -> None:
    first = post.cancelled()
    post.wait(-3600)
    second = post.cancelled()
    events = post.events.after(TENANT, None).events
    assert [event.subject for event in events] == [first, second]
    assert [event.subject for event in post.events.after(TENANT, events[0].id).events] == [second]


def test_more_events_than_an_id_counts_in_one_millisecond_are_still_paged(post: PostRoom) -> None:
    first = post.cancelled(webhook=None)
    post.client.xadd(
        "frontier:t:default:events",
        {"type": "job.failed", "subject": "job_x", "detail": "m"},
        id=f"{round(post.now * 1000)}-65535",
    )
    post.wait(-1)
    jobs = [post.cancelled(webhook=None) for _ in range(3)]
    seen: list[str] = []
    last: str | None = None
    for _ in range(5):
        page = post.events.after(TENANT, last, limit=1)
        seen += [event.subject for event in page.events]
        last = page.next_after
    assert seen == [first, "job_x", *jobs]


def test_old_deliveries_are_forgotten_with_all_that_belongs_to_them(post: PostRoom) -> None:
    endpoint = post.endpoint()
    job_id = post.end(retention_seconds=1)
    for delivery_id in post.announce():
        post.settle(post.claim(delivery_id))
    post.wait(31 * 86_400)
    post.store.sweep()
    post.store.sweep()
    assert post.deliveries(job_id) == []
    left = {key.removeprefix("frontier:t:default:") for key in post.all_keys() if ":t:" in key}
    left = {key for key in left if not key.startswith("usage:")}
    assert left <= {"events", "endpoints", f"endpoint:{endpoint.id}", f"secrets:{endpoint.id}"} | {
        key for key in left if key.startswith("receiver:")
    }
    post.cancelled(webhook=None)
    assert len(post.events.after(TENANT, None).events) <= 2, "the list is trimmed in parts"
    assert post.client.pttl("frontier:t:default:events") > 0, "and forgotten when nothing comes any more"


@pytest.mark.parametrize(
    ("state", "finish_reason", "event_type"),
    [
        (JobState.SUCCEEDED, "stop", "response.completed"),
        (JobState.SUCCEEDED, "length", "response.incomplete"),
        (JobState.FAILED, None, "response.failed"),
        (JobState.CANCELLED, None, "response.cancelled"),
        (JobState.EXPIRED, None, "response.failed"),
    ],
)
def test_the_end_of_a_response_is_told_in_its_own_words(
    post: PostRoom, state: JobState, finish_reason: str | None, event_type: str
) -> None:
    post.endpoint(event_type)
    response_id = f"resp_{1:022}"
    outcome = Outcome(state=state, text="a", finish_reason=finish_reason)
    if state is JobState.CANCELLED:
        post.cancelled(id=response_id, webhook=None)
    elif state is JobState.EXPIRED:
        post.accept(id=response_id, webhook=None, start_within_seconds=1)
        post.wait(2)
        post.store.sweep()
    else:
        post.end(outcome, id=response_id, webhook=None)
    [event] = post.events.after(TENANT, None).events
    assert (event.type, event.subject) == (event_type, response_id)
    lease = post.claim_next()
    assert body_of(lease)["data"] == {
        "id": response_id,
        "object": "response",
        "model": "m",
        "status": event_type.removeprefix("response."),
    }
