"""How the life of a job is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.console.timeline import WIDTH, timeline
from api.console.words import UNKNOWN, duration
from jobs.job import Job, JobState, Timing
from jobs.request import InferenceRequest, RequestType
from jobs.webhooks.delivery import Delivery, DeliveryStatus

QUEUED = Job(
    id="job_1",
    tenant="acme",
    request=InferenceRequest(model="poet", type=RequestType.COMPLETION),
    state=JobState.QUEUED,
    version=1,
    sequence=1,
    created_at=100.0,
    deadline_at=1000.0,
    timeout_seconds=60.0,
    retention_seconds=60.0,
    max_attempts=3,
)
DONE = replace(
    QUEUED,
    state=JobState.SUCCEEDED,
    started_at=101.0,
    claimed_at=101.0,
    finished_at=105.0,
    attempt=1,
    timing=Timing(ttft_seconds=0.5),
)
TOLD = Delivery(
    id="dlv_1",
    tenant="acme",
    event_id="evt_1",
    event_type="job.succeeded",
    subject="job_1",
    endpoint_id=None,
    url="https://receiver.example/",
    status=DeliveryStatus.DELIVERED,
    created_at=105.0,
    finished_at=105.25,
)


def spans(job: Job, *deliveries: Delivery) -> dict[str, float]:
    return {span.name: span.seconds for span in timeline(job, deliveries).spans}


def steps(job: Job, *deliveries: Delivery) -> list[tuple[str, float]]:
    return [(step.name, step.at) for step in timeline(job, deliveries).steps]


def test_a_job_is_accepted_claimed_has_a_first_token_ends_and_is_told() -> None:
    assert steps(DONE, TOLD) == [
        ("accepted", 100.0),
        ("claimed", 101.0),
        ("first token", 101.5),
        ("final", 105.0),
        ("delivered", 105.25),
    ]
    assert spans(DONE, TOLD) == {"queue wait": 1.0, "TTFT": 0.5, "decode": 3.5, "delivery lag": 0.25}


def test_what_has_not_happened_is_not_told() -> None:
    pending = replace(TOLD, status=DeliveryStatus.PENDING, finished_at=None)
    failed = replace(TOLD, status=DeliveryStatus.FAILED)

    assert (steps(QUEUED), spans(QUEUED)) == ([("accepted", 100.0)], {})
    assert "delivery lag" not in spans(DONE, pending, failed)
    assert spans(replace(DONE, timing=Timing())) == {"queue wait": 1.0, "attempt": 4.0}


def test_attempts_before_the_last_are_told_apart() -> None:
    again = replace(DONE, attempt=2, claimed_at=103.0)

    assert spans(again) == {"queue wait": 1.0, "earlier attempts": 2.0, "TTFT": 0.5, "decode": 1.5}


def test_the_slowest_receiver_is_the_lag() -> None:
    assert spans(DONE, TOLD, replace(TOLD, finished_at=109.0))["delivery lag"] == 4.0


@pytest.mark.parametrize("created_at", [100.0, 101.0, 101.0001, 0.0])
def test_every_span_can_be_seen_and_all_of_them_fill_the_line(created_at: float) -> None:
    drawn = timeline(replace(DONE, created_at=created_at), [TOLD]).spans

    assert all(span.width >= 6 for span in drawn)
    assert sum(span.width for span in drawn) == pytest.approx(WIDTH, abs=0.1)
    assert [span.x for span in drawn] == sorted(span.x for span in drawn)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, UNKNOWN),
        (0.0004, "0.4 ms"),
        (0.2, "200 ms"),
        (1.234, "1.23 s"),
        (42.0, "42.0 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_a_duration_has_three_figures_at_most(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words
