from __future__ import annotations

import logging
from typing import Any

import pytest

from jobs.events import DeliveryAttempted
from jobs.webhooks.delivery import DeliveryAttempt, DeliveryLease, DeliveryStatus, Settled
from observability.delivery_log import log_delivery_attempt

LEASE = DeliveryLease(
    delivery_id="dlv_1",
    tenant="default",
    sender="s",
    token=1,
    number=3,
    failures=2,
    event_id="evt_1",
    event_type="job.failed",
    endpoint_id="we_1",
    url="https://a.example/?key=hidden",
    body=b"hidden",
    sealed_secrets=(b"hidden",),
)
ATTEMPT = DeliveryAttempt(number=3, at=1.0, seconds=0.25, status=500, error="status", snippet="hidden")


def lines_of(caplog: pytest.LogCaptureFixture, settled: Settled | None, retry: float | None = 5.0) -> list[Any]:
    with caplog.at_level(logging.INFO):
        log_delivery_attempt(DeliveryAttempted(LEASE, ATTEMPT, settled, retry))
    assert not [record for record in caplog.records if "hidden" in str(vars(record))]
    return [vars(record) for record in caplog.records]


def test_an_attempt_is_one_line_without_address_body_or_answer(caplog: pytest.LogCaptureFixture) -> None:
    [line] = lines_of(caplog, Settled(status=DeliveryStatus.PENDING))
    assert (line["levelname"], line["message"], line["verdict"]) == ("INFO", "delivery_attempted", "pending")
    assert (line["delivery_id"], line["event_type"], line["endpoint_id"]) == ("dlv_1", "job.failed", "we_1")
    assert (line["attempt"], line["status"], line["error"]) == (3, 500, "status")
    assert (line["attempt_s"], line["retry_in_s"]) == (0.25, 5.0)


@pytest.mark.parametrize(("settled", "verdict"), [(None, "not recorded"), (Settled(status=None), "fenced")])
def test_an_attempt_that_is_not_on_record_says_so(
    caplog: pytest.LogCaptureFixture, settled: Settled | None, verdict: str
) -> None:
    [line] = lines_of(caplog, settled)
    assert line["verdict"] == verdict


def test_a_dead_letter_and_a_disabled_endpoint_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    _, gave_up, disabled = lines_of(caplog, Settled(status=DeliveryStatus.FAILED, disabled="gone"), None)
    assert (gave_up["levelname"], gave_up["message"], gave_up["delivery_id"]) == (
        "WARNING",
        "delivery_gave_up",
        "dlv_1",
    )
    assert (disabled["levelname"], disabled["message"], disabled["reason"]) == ("WARNING", "endpoint_disabled", "gone")
