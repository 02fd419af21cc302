"""What workers, senders and runners make of the events that they hear of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import generate_latest

from jobs.events import AttemptFinished, AttemptStarted, AttemptTimes, DeliveryAttempted, PartsCommitted
from jobs.job import AttemptError, JobState, Outcome, Timing, Usage
from jobs.lease import Lease
from jobs.request import InferenceRequest, RequestType
from jobs.webhooks.delivery import DeliveryAttempt, DeliveryLease, DeliveryStatus, Settled
from jobs.webhooks.event import id_at
from observability.metrics.attempt_metrics import AttemptMetrics
from observability.metrics.delivery_metrics import DeliveryMetrics
from observability.metrics.instruments import Instruments
from observability.metrics.part_metrics import PartMetrics
from observability.metrics.step_occupancy import StepOccupancy
from observability.metrics.worker_catalogue import ATTEMPT_OUTCOMES, DELIVERY_OUTCOMES
from tests.observability.metrics.scraped import Scrape

LEASE = Lease(
    job_id="job_1",
    tenant="default",
    token=1,
    attempt=1,
    worker="w1",
    request=InferenceRequest(model="m", type=RequestType.COMPLETION, prompt="Once"),
    run_seconds=600.0,
    ends_as=JobState.FAILED,
    deadline_seconds=100.0,
    queue_wait_seconds=2.0,
)
OUTCOME = Outcome(
    state=JobState.SUCCEEDED,
    usage=Usage(prompt_tokens=7, completion_tokens=20),
    timing=Timing(ttft_seconds=0.2, tpot_seconds=0.02, attempt_seconds=0.6),
)
TIMES = AttemptTimes(claimed_at=0.0, began_at=0.0, first_token_at=0.2, last_token_at=0.6, ended_at=0.6, recorded_at=0.6)
ENDED_AT = 1_764_000_000.0
DELIVERY = DeliveryLease(
    delivery_id="dlv_1",
    tenant="default",
    sender="s",
    token=1,
    number=1,
    failures=0,
    event_id=id_at(f"{ENDED_AT * 1000:.0f}-0", "job_1"),
    event_type="job.succeeded",
    endpoint_id=None,
    url="https://a.example",
    body=b"",
    sealed_secrets=(),
)


def read(instruments: Instruments) -> Scrape:
    return Scrape(generate_latest(instruments.registry).decode())


def finished(answer: str = "ok", outcome: Outcome | None = OUTCOME, lease: Lease = LEASE) -> AttemptFinished:
    return AttemptFinished(lease, "m", answer, outcome, TIMES, new_tokens=20, wasted_tokens=0 if outcome else 5)


def test_an_attempt_that_succeeds_is_told_with_all_its_times() -> None:
    instruments = Instruments()
    metrics = AttemptMetrics(instruments, model="m")
    metrics.listen(AttemptStarted(LEASE, "m"))
    metrics.listen(finished())
    page = read(instruments)
    for name, seconds in (
        ("queue_wait", 2.0),
        ("time_to_first_token", 0.2),
        ("time_per_output_token", 0.02),
        ("attempt_duration", 0.6),
        ("time_to_result", 2.6),
        ("deadline_slack", 99.4),
    ):
        assert page.value(f"frontier_{name}_seconds_count", model="m") == 1, name
        assert page.value(f"frontier_{name}_seconds_sum", model="m") == pytest.approx(seconds), name
    assert page.value("frontier_prompt_tokens_total", model="m") == 7
    assert page.value("frontier_completion_tokens_total", model="m") == 20
    assert page.value("frontier_wasted_tokens_total", model="m") == 0
    assert page.sum("frontier_attempts_total") == 1


def test_the_wait_of_a_later_attempt_is_not_that_for_the_first() -> None:
    instruments = Instruments()
    AttemptMetrics(instruments, model="m").listen(AttemptStarted(replace(LEASE, attempt=2), "m"))
    assert read(instruments).value("frontier_queue_wait_seconds_count", model="m") == 0


@pytest.mark.parametrize(
    ("answer", "state", "came_to"),
    [
        ("ok", JobState.SUCCEEDED, "succeeded"),
        ("already", JobState.SUCCEEDED, "succeeded"),
        ("ok", JobState.FAILED, "failed"),
        ("ok", JobState.CANCELLED, "cancelled"),
        ("ok", JobState.EXPIRED, "expired"),
        ("fenced", JobState.SUCCEEDED, "fenced"),
        ("not recorded", JobState.SUCCEEDED, "not_recorded"),
        ("lease lost", None, "lease_lost"),
        ("released", None, "released"),
        ("postponed", None, "postponed"),
        ("fenced", None, "fenced"),
    ],
)
def test_each_attempt_has_come_to_one_thing(answer: str, state: JobState | None, came_to: str) -> None:
    instruments = Instruments()
    error = AttemptError(code="internal_error", message="It broke.")
    outcome = replace(OUTCOME, state=state, error=error) if state else None
    AttemptMetrics(instruments, model="m").listen(finished(answer, outcome))
    page = read(instruments)
    told = {one: page.value("frontier_attempts_total", model="m", outcome=one) for one in ATTEMPT_OUTCOMES}
    assert told == {one: float(one == came_to) for one in ATTEMPT_OUTCOMES}
    is_recorded = answer in {"ok", "already"}
    assert page.value("frontier_prompt_tokens_total", model="m") == (7 if is_recorded else 0)
    assert page.value("frontier_time_to_result_seconds_count", model="m") == (came_to == "succeeded")
    assert page.value("frontier_wasted_tokens_total", model="m") == (0 if state else 5)


def test_a_job_that_ran_out_of_time_was_late() -> None:
    instruments = Instruments()
    late = replace(OUTCOME, state=JobState.EXPIRED, timing=Timing(attempt_seconds=100.5))
    AttemptMetrics(instruments, model="m").listen(finished("ok", late))
    assert read(instruments).value("frontier_deadline_slack_seconds_bucket", model="m", le="0.0") == 1


def test_steps_are_counted_by_the_share_of_the_slots_that_they_were_for() -> None:
    instruments = Instruments()
    steps = [0, 5, 0, 0, 2, 0, 0, 0, 1]
    instruments.registry.register(StepOccupancy(steps_by_rows=lambda: steps, slots=8, model="m"))
    page = read(instruments)

    def up_to(share: str) -> float:
        return page.value("frontier_batch_occupancy_ratio_bucket", model="m", le=share)

    assert [up_to(share) for share in ("0.0625", "0.125", "0.375", "0.5", "0.875", "1.0", "+Inf")] == [
        0,
        5,
        5,
        7,
        7,
        8,
        8,
    ]
    assert page.value("frontier_batch_occupancy_ratio_sum", model="m") == pytest.approx((5 + 2 * 4 + 8) / 8)


def attempted(error: str | None, status: DeliveryStatus | None, **changes: Any) -> DeliveryAttempted:
    attempt = DeliveryAttempt(number=1, at=ENDED_AT + 3.0, seconds=0.5, error=error)
    return DeliveryAttempted(replace(DELIVERY, **changes), attempt, Settled(status=status), None)


def test_what_is_delivered_is_told_with_its_lag_but_for_tests() -> None:
    instruments = Instruments()
    metrics = DeliveryMetrics(instruments)
    metrics.listen(attempted(None, DeliveryStatus.DELIVERED))
    metrics.listen(attempted(None, DeliveryStatus.DELIVERED, is_test=True))
    metrics.listen(attempted(None, None))
    metrics.listen(attempted("timeout", DeliveryStatus.PENDING))
    page = read(instruments)
    assert page.value("frontier_delivery_lag_seconds_count") == 1
    assert page.value("frontier_delivery_lag_seconds_sum") == pytest.approx(3.5)
    told = {one: page.value("frontier_webhook_attempts_total", outcome=one) for one in DELIVERY_OUTCOMES}
    assert told == {**dict.fromkeys(DELIVERY_OUTCOMES, 0.0), "delivered": 3.0, "timeout": 1.0}


def test_lines_and_parts_are_counted_once_they_are_committed() -> None:
    instruments = Instruments()
    metrics = PartMetrics(instruments)
    metrics.listen(PartsCommitted(completed=9, failed=2, parts=2))
    metrics.listen(PartsCommitted(completed=1, failed=0, parts=1))
    page = read(instruments)
    assert page.value("frontier_batch_lines_total", outcome="completed") == 10
    assert page.value("frontier_batch_lines_total", outcome="failed") == 2
    assert page.value("frontier_batch_parts_total") == 3
