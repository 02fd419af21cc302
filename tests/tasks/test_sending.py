from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from jobs.events import DeliveryAttempted
from jobs.signature import verify
from jobs.webhooks.delivery import DeliveryStatus
from resilience.egress.guard import EgressGuard, EgressRules
from resilience.failpoints import Failpoint
from tasks.retry_schedule import HOUR, JITTER, RetrySchedule
from tests.jobs.turned_clock import TurnedClock
from tests.jobs.webhooks.conftest import TENANT
from tests.redis_process import RedisProcess
from tests.tasks.sender_desk import LEASE_SECONDS, SenderDesk, reply


@pytest.fixture
def desk(redis_url: str) -> Iterator[SenderDesk]:
    with TurnedClock.from_url(redis_url) as client:
        assert isinstance(client, TurnedClock)
        desk = SenderDesk(client)
        with desk.receiver:
            yield desk


def test_an_event_is_delivered_once_and_its_message_is_then_stale(desk: SenderDesk) -> None:
    job_id = desk.write()
    assert desk.send() == ["delivered"]
    delivery = desk.post.delivery(job_id)
    assert (delivery.status, delivery.attempt_count) == (DeliveryStatus.DELIVERED, 1)
    [(headers, body)] = desk.requests()
    assert verify([desk.secret], headers, body, now=desk.post.now) == delivery.event_id
    assert desk.sendings.run(TENANT, delivery.id) == "skipped"
    assert desk.sendings.run(TENANT, "dlv_unknown") == "skipped"
    assert len(desk.requests()) == 1
    assert desk.refills == 3


def test_a_receiver_that_always_fails_gets_ten_attempts_of_one_event_and_then_none(desk: SenderDesk) -> None:
    desk.replies = [reply("500 Oh")]
    job_id = desk.write()
    pauses = []
    for _ in range(9):
        assert desk.send() == ["pending"]
        pauses.append(desk.skip_to_next_attempt(desk.post.delivery(job_id)))
    assert desk.send() == ["failed"]
    delivery = desk.post.delivery(job_id)
    assert (delivery.status, delivery.attempt_count, delivery.next_attempt_at) == (DeliveryStatus.FAILED, 10, None)
    assert [attempt.number for attempt in delivery.attempts] == list(range(1, 11))
    for pause, told in zip(pauses, RetrySchedule().pauses[1:], strict=True):
        assert told * (1 - JITTER) - 0.01 <= pause <= told * (1 + JITTER) + 0.01
    requests = desk.requests()
    assert {body for _, body in requests} == {requests[0][1]}
    assert {headers["webhook-id"] for headers, _ in requests} == {delivery.event_id}
    assert len({headers["traceparent"].split("-")[1] for headers, _ in requests}) == 1
    assert len({headers["traceparent"] for headers, _ in requests}) == 10
    stamps = [int(headers["webhook-timestamp"]) for headers, _ in requests]
    assert stamps == sorted(set(stamps))
    for (headers, body), stamp in zip(requests, stamps, strict=True):
        verify([desk.secret], headers, body, now=stamp)


def test_a_receiver_that_comes_back_is_delivered_to(desk: SenderDesk) -> None:
    desk.replies = [reply("503 Busy"), reply("302 Found", "Location: /elsewhere"), reply()]
    job_id = desk.write()
    for _ in range(2):
        assert desk.send() == ["pending"]
        desk.skip_to_next_attempt(desk.post.delivery(job_id))
    assert desk.send() == ["delivered"]
    attempts = desk.post.delivery(job_id).attempts
    assert [(one.status, one.error) for one in attempts] == [(503, "status"), (302, "status"), (200, None)]


def test_a_receiver_that_is_gone_gets_no_further_attempt(desk: SenderDesk) -> None:
    desk.replies = [reply("410 Gone")]
    job_id = desk.write()
    assert desk.send() == ["failed"]
    assert desk.post.delivery(job_id).next_attempt_at is None


@pytest.mark.parametrize(("asked", "granted"), [("600", 600), ("999999", HOUR)])
def test_a_receiver_is_left_alone_for_as_long_as_it_asks_within_bounds(
    desk: SenderDesk, asked: str, granted: float
) -> None:
    desk.replies = [reply("429 Busy", f"Retry-After: {asked}")]
    job_id = desk.write()
    desk.send()
    assert desk.skip_to_next_attempt(desk.post.delivery(job_id)) == pytest.approx(granted, abs=0.01)


def test_a_job_s_trace_goes_on_in_its_deliveries(desk: SenderDesk) -> None:
    desk.write(traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    desk.send()
    [(headers, _)] = desk.requests()
    assert headers["traceparent"].startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert "00f067aa0ba902b7" not in headers["traceparent"]


def test_while_a_secret_rotates_a_request_has_both_signatures(desk: SenderDesk) -> None:
    old, sealer = desk.secret, desk.sendings.courier.sealer
    assert sealer is not None
    new = type(old).new(lambda count: b"n" * count)
    desk.post.secrets.rotate(TENANT, sealer.seal(new), new.hint, overlap_seconds=60)
    desk.write()
    desk.send()
    desk.post.wait(61)
    desk.write()
    desk.send()
    (first, body), (second, _) = desk.requests()
    assert len(first["webhook-signature"].split()) == 2
    assert len(second["webhook-signature"].split()) == 1
    for secret in (old, new):
        assert verify([secret], first, body, now=desk.post.now) == first["webhook-id"]


def test_what_the_guard_forbids_is_logged_opaquely_and_tried_again(desk: SenderDesk) -> None:
    desk.change(courier=replace(desk.sendings.courier, guard=EgressGuard(EgressRules())))
    job_id = desk.write()
    assert desk.send() == ["pending"]
    [attempt] = desk.post.delivery(job_id).attempts
    assert (attempt.error, attempt.status, attempt.snippet) == ("url_not_allowed", None, "")
    assert desk.requests() == []


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize(
    ("failpoint", "requests"), [(Failpoint.SENDER_AFTER_CLAIM, 1), (Failpoint.SENDER_BEFORE_SETTLE, 2)]
)
def test_what_a_killed_sender_did_not_record_is_sent_again_under_the_same_id(
    desk: SenderDesk, failpoint: Failpoint, requests: int
) -> None:
    def die(reached: Failpoint) -> None:
        if reached is failpoint:
            raise Killed

    whole = desk.sendings
    desk.change(reach=die)
    job_id = desk.write()
    with pytest.raises(Killed):
        desk.send()
    assert desk.post.announce() == []
    desk.post.wait(LEASE_SECONDS)
    desk.sendings = whole
    assert desk.send() == ["delivered"]
    found = desk.requests()
    assert len(found) == requests
    assert len({headers["webhook-id"] for headers, _ in found}) == 1
    assert desk.post.delivery(job_id).status is DeliveryStatus.DELIVERED


def test_a_sender_that_comes_too_late_is_fenced(desk: SenderDesk) -> None:
    job_id = desk.write()
    desk.before_reply = lambda: desk.post.wait(LEASE_SECONDS)

    def overtake(reached: Failpoint) -> None:
        if reached is Failpoint.SENDER_BEFORE_SETTLE:
            [again] = desk.post.announce()
            desk.post.fail(desk.post.claim(again))

    desk.change(reach=overtake)
    assert desk.send() == ["fenced"]
    assert [one.status for one in desk.post.delivery(job_id).attempts] == [500]


def test_the_trial_of_an_endpoint_is_one_attempt(desk: SenderDesk) -> None:
    desk.replies = [reply("500 Oh")]
    url = f"http://127.0.0.1:{desk.receiver.port}/trial"
    endpoint = desk.post.endpoint("job.succeeded", url=url)
    sealer = desk.sendings.courier.sealer
    assert sealer is not None
    desk.post.secrets.rotate(TENANT, sealer.seal(desk.secret), desk.secret.hint, owner=endpoint.id)
    trial = desk.post.endpoints.test(
        TENANT, endpoint.id, event_id="evt_" + "0" * 16 + "x", event_type="job.succeeded", body=b"{}"
    )
    assert desk.send() == ["failed"]
    assert desk.post.log.find(TENANT, trial).attempt_count == 1


def test_a_closing_sender_gives_messages_back_unattempted(desk: SenderDesk) -> None:
    job_id = desk.write()
    desk.is_closing = True
    assert desk.send() == ["skipped"]
    desk.is_closing = False
    assert desk.send() == ["delivered"]
    assert desk.post.delivery(job_id).attempt_count == 1


def test_every_attempt_is_told_to_listeners(desk: SenderDesk) -> None:
    desk.replies = [reply("500 Oh"), reply()]
    job_id = desk.write()
    desk.send()
    desk.skip_to_next_attempt(desk.post.delivery(job_id))
    desk.send()
    first, second = desk.events
    assert isinstance(first, DeliveryAttempted)
    assert isinstance(second, DeliveryAttempted)
    assert (first.attempt.status, first.retry_in_seconds is None) == (500, False)
    assert (second.attempt.status, second.retry_in_seconds) == (200, None)


class Outage:
    """A desk whose Redis server goes away while its receiver answers."""

    def __init__(self, server: RedisProcess, desk: SenderDesk) -> None:
        self.server = server
        self.desk = desk
        desk.before_reply = server.stop
        desk.on_pause = self._pause
        self.pauses = 0
        self.comes_back = True

    def _pause(self) -> None:
        self.pauses += 1
        if self.comes_back and self.pauses == 3:
            self.server.start()
        self.desk.post.now += 1.0


@pytest.fixture
def outage(redis_process: RedisProcess) -> Iterator[Outage]:
    with ExitStack() as cleanup:
        client = cleanup.enter_context(TurnedClock.from_url(redis_process.url))
        assert isinstance(client, TurnedClock)
        desk = SenderDesk(client)
        cleanup.enter_context(desk.receiver)
        yield Outage(redis_process, desk)


def test_an_attempt_is_recorded_once_redis_is_back(outage: Outage) -> None:
    job_id = outage.desk.write()
    assert outage.desk.send() == ["delivered"]
    assert outage.pauses >= 3
    assert outage.desk.post.delivery(job_id).status is DeliveryStatus.DELIVERED
    assert len(outage.desk.requests()) == 1


def test_a_closing_sender_waits_for_redis_only_so_long(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.desk.write()
    outage.comes_back = False
    stop = outage.desk.before_reply

    def stop_and_close() -> None:
        stop()
        outage.desk.is_closing = True

    outage.desk.before_reply = stop_and_close
    assert outage.desk.send() == ["not recorded"]
    assert "delivery_not_recorded" in caplog.messages
