"""Who may attempt what, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.answers import Skipped
from jobs.settings import StoreSettings
from jobs.webhooks.delivery import DeliveryStatus
from jobs.webhooks.receivers import DAY_SECONDS, ReceiverRules
from tests.jobs.turned_clock import TurnedClock
from tests.jobs.webhooks.conftest import EPOCH, ORIGIN, SENDER, TENANT, PostRoom, webhook

Make = Callable[..., PostRoom]


@pytest.fixture
def make_post(redis_url: str) -> Any:
    """A post room with other settings."""

    def make(**changes: Any) -> PostRoom:
        client: Any = TurnedClock.from_url(redis_url)
        clients.append(client)
        return PostRoom(client, StoreSettings(**changes))

    clients: list[TurnedClock] = []
    yield make
    for client in clients:
        client.close()


def test_what_is_accepted_is_over(post: PostRoom) -> None:
    job_id = post.cancelled()
    lease = post.claim_next()
    assert (lease.number, lease.failures, lease.sender) == (1, 0, SENDER)
    post.wait(0.5)
    assert post.settle(lease).status is DeliveryStatus.DELIVERED
    told = post.delivery(job_id)
    assert (told.status, told.attempt_count, told.next_attempt_at) == (DeliveryStatus.DELIVERED, 1, None)
    assert told.finished_at == post.now
    assert [(one.number, one.status, one.error) for one in told.attempts] == [(1, 204, None)]
    post.wait(90_000)
    assert post.announce() == []


def test_a_failure_is_tried_again_when_it_is_due_with_the_same_id_and_body(post: PostRoom) -> None:
    post.cancelled()
    first = post.claim_next()
    assert post.fail(first, retry_in_seconds=5).status is DeliveryStatus.PENDING
    post.wait(4.9)
    assert post.announce() == []
    post.wait(0.2)
    second = post.claim_next()
    assert (second.event_id, second.body, second.delivery_id) == (first.event_id, first.body, first.delivery_id)
    assert (second.number, second.failures) == (2, 1)
    assert second.token > first.token


def test_the_last_failure_makes_a_dead_letter(post: PostRoom) -> None:
    job_id = post.cancelled()
    assert post.fail(post.claim_next(), retry_in_seconds=None).status is DeliveryStatus.FAILED
    assert post.delivery(job_id).status is DeliveryStatus.FAILED
    assert [one.subject for one in post.log.page(TENANT, status=DeliveryStatus.FAILED).deliveries] == [job_id]
    post.wait(90_000)
    assert post.announce() == []


def test_without_a_sender_nothing_is_announced(post: PostRoom) -> None:
    post.cancelled()
    post.outbox.leave(SENDER)
    assert post.announce() == []
    post.beat()
    assert len(post.announce()) == 1


def test_no_more_is_announced_than_senders_have_room_for(post: PostRoom) -> None:
    for number in range(6):
        post.cancelled(webhook=webhook(origin=f"https://r{number}.example.org"))
    post.beat(slots=4)
    first = post.announce()
    assert len(first) == 4
    assert post.announce() == []
    post.settle(post.claim(first[0]))
    assert len(post.announce()) == 1


def test_a_receiver_has_no_more_attempts_at_a_time_than_it_may(post: PostRoom) -> None:
    for _ in range(8):
        post.cancelled()
    other = post.cancelled(webhook=webhook(origin="https://other.example.org"))
    announced = post.announce()
    assert len(announced) == 6
    assert post.delivery(other).id in announced
    post.settle(post.claim(announced[0]))
    assert len(post.announce()) == 1


def test_unknown_receivers_leave_the_last_of_the_room_to_those_that_are_known(post: PostRoom) -> None:
    post.cancelled(webhook=webhook(origin="https://quick.example.org"))
    post.settle(post.claim_next())
    post.slots = 20
    post.wait(0)
    for number in range(10):
        for _ in range(5):
            post.cancelled(webhook=webhook(origin=f"https://new{number}.example.org"))
    assert len(post.announce()) == 18
    late = post.cancelled(webhook=webhook(origin="https://quick.example.org"))
    assert post.announce() == [post.delivery(late).id]
    busy: dict[str, int] = {}
    for key in post.all_keys():
        if ":flying:" in key:
            busy[key] = post.client.scard(key)
    assert sorted(busy.values(), reverse=True) == [5, 5, 5, 1, 1, 1, 1]


def test_however_many_receivers_hang_others_get_through(post: PostRoom) -> None:
    post.slots = 16
    post.wait(0)
    for number in range(40):
        post.cancelled(webhook=webhook(origin=f"https://hangs{number}.example.org"))
    hung: set[str] = set()
    while len(hung) < 40:
        leases = [post.claim(one) for one in post.announce()]
        assert len(leases) <= 14
        hung |= {lease.delivery_id for lease in leases}
        post.wait(20)
        for lease in leases:
            post.fail(lease, retry_in_seconds=0, seconds=20.0)
    assert len(post.announce()) == 12
    late = post.cancelled(webhook=webhook(origin="https://new.example.org"))
    assert post.announce() == [post.delivery(late).id]


def test_a_receiver_is_asked_no_more_often_than_its_rate_allows(post: PostRoom) -> None:
    post.rules = ReceiverRules(rate_per_second=2, concurrency=64)
    for _ in range(10):
        post.cancelled()
    begun = len(post.announce())
    for _ in range(8):
        post.wait(0.25)
        begun += len(post.announce())
    assert begun == 2 + 1 + 4, "a second's worth at once, then two per second"


def test_the_same_message_twice_is_one_attempt(post: PostRoom) -> None:
    post.cancelled()
    [delivery_id] = post.announce()
    lease = post.claim(delivery_id, claim_id="a")
    assert post.claim(delivery_id, claim_id="a") == lease, "the answer may have been lost"
    assert isinstance(post.try_claim(delivery_id, claim_id="b"), Skipped)
    post.settle(lease)
    assert isinstance(post.try_claim(delivery_id), Skipped)
    assert isinstance(post.try_claim("dlv_unknown"), Skipped)


def test_a_lost_message_is_announced_again(post: PostRoom) -> None:
    post.cancelled()
    first = post.announce()
    post.wait(14)
    assert post.announce() == []
    post.wait(2)
    assert post.announce() == first


def test_what_was_not_published_waits_again(post: PostRoom) -> None:
    post.cancelled()
    announced = post.outbox.announce(post.rules)
    post.outbox.put_back(announced)
    assert post.outbox.announce(post.rules) == announced
    post.claim(announced[0][1])
    post.outbox.put_back(announced)
    assert post.announce() == [], "a claimed one stays"


def test_a_lost_sender_s_delivery_goes_again_when_its_lease_runs_out(post: PostRoom) -> None:
    post.cancelled()
    lost = post.claim_next()
    post.wait(34)
    assert post.announce() == []
    post.wait(2)
    again = post.claim_next()
    assert (again.event_id, again.number, again.failures) == (lost.event_id, 2, 0)
    assert post.settle(lost).status is None, "its token is superseded"
    assert post.settle(again).status is DeliveryStatus.DELIVERED


def test_a_dead_sender_s_deliveries_can_be_given_back_at_once(post: PostRoom) -> None:
    post.beat("dead")
    jobs = [post.cancelled() for _ in range(3)]
    leases = [post.claim(delivery_id, sender="dead") for delivery_id in post.announce()]
    post.settle(leases[0])
    assert post.outbox.rescue("dead") == 2
    assert len(post.announce()) == 2
    assert len(jobs) == 3


def test_a_late_answer_counts_while_nobody_else_has_claimed(post: PostRoom) -> None:
    post.cancelled()
    lease = post.claim_next()
    post.wait(40)
    assert len(post.announce()) == 1
    assert post.settle(lease).status is DeliveryStatus.DELIVERED
    post.wait(60)
    assert post.announce() == []


def test_a_settle_that_is_repeated_says_the_same(post: PostRoom) -> None:
    job_id = post.cancelled()
    lease = post.claim_next()
    assert post.fail(lease).status is post.fail(lease).status is DeliveryStatus.PENDING
    assert len(post.delivery(job_id).attempts) == 1


def test_a_delivery_that_keeps_losing_its_sender_becomes_a_dead_letter(post: PostRoom) -> None:
    job_id = post.cancelled()
    for _ in range(10):
        post.claim_next()
        post.outbox.rescue(SENDER)
        post.beat()
    assert post.announce() == []
    assert post.delivery(job_id).ended_as == "sender_lost"


def test_a_circuit_opens_after_five_failures_and_lets_one_probe_through(post: PostRoom) -> None:
    for _ in range(12):
        post.cancelled()
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), retry_in_seconds=1)
    assert post.announce() == []
    post.wait(59)
    assert post.announce() == []
    post.wait(2)
    probe = post.claim_next()
    assert post.announce() == []
    post.settle(probe)
    assert len(post.announce()) == 5, "it is closed again"


def test_an_open_circuit_opens_for_twice_as_long_after_a_failed_probe(post: PostRoom) -> None:
    for _ in range(12):
        post.cancelled()
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), retry_in_seconds=1)
    waited = []
    for _ in range(6):
        seconds = 0
        while not (announced := post.announce()):
            post.wait(1)
            seconds += 1
        waited.append(seconds)
        post.fail(post.claim(announced[0]), retry_in_seconds=1)
    assert waited == [60, 120, 240, 480, 900, 900]


def test_a_receiver_that_mostly_answers_keeps_its_circuit_closed(post: PostRoom) -> None:
    for _ in range(8):
        for _ in range(5):
            post.cancelled()
        for number, delivery_id in enumerate(post.announce()):
            post.settle(post.claim(delivery_id), "delivered" if number < 3 else "failed", retry_in_seconds=9_000)
        post.wait(1)
    post.cancelled()
    assert len(post.announce()) == 1


def test_announced_deliveries_wait_when_the_circuit_opens_before_they_are_claimed(post: PostRoom) -> None:
    post.rules = ReceiverRules(concurrency=6)
    for _ in range(6):
        post.cancelled()
    *first, last = post.announce()
    for delivery_id in first:
        post.fail(post.claim(delivery_id), retry_in_seconds=1)
    assert post.try_claim(last) == Skipped("the circuit is open")
    post.wait(61)
    assert len(post.announce()) == 1


def test_one_receiver_s_circuit_is_nobody_else_s(post: PostRoom) -> None:
    for _ in range(5):
        post.cancelled()
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), retry_in_seconds=1)
    other = post.cancelled(webhook=webhook(origin="https://other.example.org"))
    assert post.announce() == [post.delivery(other).id]


def test_what_is_not_the_receiver_s_fault_opens_no_circuit(post: PostRoom) -> None:
    for _ in range(8):
        post.cancelled()
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), blame="nobody", retry_in_seconds=1)
    assert len(post.announce()) == 3


def test_what_waits_for_a_deleted_endpoint_is_ended_at_once_though_its_last_attempts_fail(post: PostRoom) -> None:
    endpoint = post.endpoint()
    jobs = [post.cancelled(webhook=None) for _ in range(12)]
    leases = [post.claim(delivery_id) for delivery_id in post.announce()]
    post.endpoints.delete(TENANT, endpoint.id)
    for lease in leases:
        assert post.fail(lease).status is DeliveryStatus.CANCELLED
    assert post.announce() == []
    assert {post.delivery(job_id).status for job_id in jobs} == {DeliveryStatus.CANCELLED}
    assert not any(key.endswith(f"receiver:{endpoint.id}") for key in post.all_keys())


def test_a_receiver_that_refuses_lives_and_its_circuit_stays_closed_though_it_is_failing(post: PostRoom) -> None:
    endpoint = post.endpoint()
    for _ in range(8):
        post.cancelled(webhook=None)
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), blame="answered", retry_in_seconds=1)
    assert len(post.announce()) == 3
    assert post.endpoints.find(TENANT, endpoint.id).failing_since == post.now


def test_a_dead_receiver_s_backlog_is_not_read(post: PostRoom) -> None:
    for _ in range(30):
        post.cancelled()
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), retry_in_seconds=1)
    post.wait(5)
    stats: Any = post.client.info("commandstats")
    before = stats.get("cmdstat_hgetall", {"calls": 0})["calls"]
    assert post.announce() == []
    after: Any = post.client.info("commandstats")
    assert after.get("cmdstat_hgetall", {"calls": 0})["calls"] == before


def test_410_disables_a_standing_endpoint_and_ends_what_waits_for_it(post: PostRoom) -> None:
    endpoint, watcher = post.endpoint(), post.endpoint("endpoint.disabled")
    waiting = [post.cancelled(webhook=None) for _ in range(7)]
    lease = post.claim(post.announce()[0])
    settled = post.settle(lease, "gone")
    assert (settled.status, settled.disabled) == (DeliveryStatus.FAILED, "gone")
    found = post.endpoints.find(TENANT, endpoint.id)
    assert (found.state, found.disabled_reason, found.disabled_at) == ("disabled", "gone", post.now)
    for delivery_id in post.announce():
        post.try_claim(delivery_id)
    told = [delivery for job_id in waiting for delivery in post.deliveries(job_id)]
    announced = [one for one in told if one.status is DeliveryStatus.PENDING]
    for one in announced:
        assert post.try_claim(one.id) == Skipped("its endpoint is disabled")
    told = [delivery for job_id in waiting for delivery in post.deliveries(job_id)]
    assert {one.status for one in told} == {DeliveryStatus.FAILED}
    assert {one.ended_as for one in told} == {None, "endpoint_disabled"}
    [heard] = [one for one in post.log.page(TENANT).deliveries if one.endpoint_id == watcher.id]
    assert (heard.event_type, heard.subject) == ("endpoint.disabled", endpoint.id)
    assert post.deliveries(post.cancelled(webhook=None)) == []


def test_410_ends_a_job_s_own_webhook_alone(post: PostRoom) -> None:
    gone, other = post.cancelled(), post.cancelled()
    leases = {lease.delivery_id: lease for lease in map(post.claim, post.announce())}
    assert post.settle(leases[post.delivery(gone).id], "gone").disabled is None
    assert post.settle(leases[post.delivery(other).id]).status is DeliveryStatus.DELIVERED


def fail_for(post: PostRoom, days: float, *, attempts: int) -> list[str | None]:
    """One event that fails again and again over so many days; the reasons with which its endpoint was disabled."""
    post.cancelled(webhook=None)
    said = []
    for number in range(attempts):
        if number:
            post.wait(days * DAY_SECONDS / (attempts - 1))
        for delivery_id in post.announce():
            lease = post.claim(delivery_id)
            if lease.event_type.startswith("job."):
                said.append(post.fail(lease, retry_in_seconds=1).disabled)
            else:
                post.settle(lease)
    return said


def test_an_endpoint_is_warned_after_three_days_and_disabled_after_five(post: PostRoom) -> None:
    endpoint = post.endpoint()
    watcher = post.endpoint("endpoint.disabling", "endpoint.disabled")
    assert fail_for(post, 2.9, attempts=12) == [None] * 12
    assert post.endpoints.find(TENANT, endpoint.id).failing_since == EPOCH
    assert fail_for(post, 1.9, attempts=3)[-1] is None
    post.wait(0.3 * DAY_SECONDS)
    assert post.fail(post.claim(post.announce()[0]), retry_in_seconds=1).disabled == "failing"
    events = [event.type for event in post.events.after(TENANT, None).events if event.subject == endpoint.id]
    assert events == ["endpoint.disabling", "endpoint.disabled"]
    heard = [one.event_type for one in post.log.page(TENANT, endpoint_id=watcher.id).deliveries]
    assert sorted(heard) == ["endpoint.disabled", "endpoint.disabling"]
    assert post.endpoints.find(TENANT, endpoint.id).disabled_reason == "failing"


def test_a_few_failures_over_many_days_disable_nothing(post: PostRoom) -> None:
    endpoint = post.endpoint()
    assert set(fail_for(post, 6, attempts=9)) == {None}
    assert post.endpoints.find(TENANT, endpoint.id).state == "enabled"


def test_any_success_makes_up_for_all_failures(post: PostRoom) -> None:
    endpoint = post.endpoint()
    fail_for(post, 4.9, attempts=12)
    post.wait(900)
    post.settle(post.claim(post.announce()[0]))
    assert post.endpoints.find(TENANT, endpoint.id).failing_since is None
    assert set(fail_for(post, 0.5, attempts=3)) == {None}


def test_what_is_too_old_is_given_up_without_an_attempt(post: PostRoom) -> None:
    job_id = post.cancelled()
    post.wait(8 * DAY_SECONDS)
    assert post.announce() == []
    assert (post.delivery(job_id).status, post.delivery(job_id).ended_as) == (DeliveryStatus.FAILED, "too_old")


def test_a_full_backlog_pauses_an_endpoint_which_loses_nothing(make_post: Make) -> None:
    post = make_post(webhook_backlog=6)
    post.rules = ReceiverRules(concurrency=1)
    endpoint = post.endpoint()
    jobs = [post.cancelled(webhook=None) for _ in range(40)]
    assert post.endpoints.find(TENANT, endpoint.id).state == "paused"
    assert len([job_id for job_id in jobs if post.deliveries(job_id)]) == 6
    heard = []
    for _ in range(60):
        for delivery_id in post.announce():
            lease = post.claim(delivery_id)
            heard.append(lease.event_id)
            post.settle(lease)
        if len(heard) == 20:
            jobs.append(post.cancelled(webhook=None))
        post.wait(0.05)
    assert len(heard) == len(set(heard)) == len(jobs) == 41
    assert sorted(heard) == [event.id for event in post.events.after(TENANT, None, limit=50).events]
    assert post.endpoints.find(TENANT, endpoint.id).state == "enabled"


def test_a_full_backlog_of_jobs_own_webhooks_makes_dead_letters(make_post: Make) -> None:
    post = make_post(webhook_backlog=3)
    jobs = [post.cancelled() for _ in range(4)]
    assert [post.delivery(job_id).ended_as for job_id in jobs] == [None, None, None, "backlog_full"]
    post.settle(post.claim(post.announce()[0]))
    assert post.log.replay(TENANT, post.delivery(jobs[3]).id).status is DeliveryStatus.PENDING


def test_deliveries_of_one_receiver_leave_in_the_order_of_their_events(post: PostRoom) -> None:
    post.rules = ReceiverRules(concurrency=1)
    jobs = []
    for _ in range(5):
        jobs.append(post.cancelled())
        post.wait(0.001)
    left = []
    for _ in jobs:
        lease = post.claim_next()
        left.append(lease.url == f"{ORIGIN}/in?key=1" and lease.event_id)
        post.settle(lease)
    assert left == sorted(left)


def test_a_paused_endpoint_goes_on_though_it_wants_little_of_what_came(make_post: Make) -> None:
    post = make_post(webhook_backlog=4)
    endpoint = post.endpoint("job.cancelled")
    wanted = [post.cancelled(webhook=None) for _ in range(5)]
    for _ in range(450):
        post.end(webhook=None)
    wanted.append(post.cancelled(webhook=None))
    heard = deliver_all(post)
    assert len(heard) == len(set(heard)) == len(wanted)
    assert post.endpoints.find(TENANT, endpoint.id).state == "enabled"


def test_a_backlog_of_one_is_caught_up_with(make_post: Make) -> None:
    post = make_post(webhook_backlog=1)
    endpoint = post.endpoint()
    for _ in range(3):
        post.cancelled(webhook=None)
    assert len(deliver_all(post)) == 3
    assert post.endpoints.find(TENANT, endpoint.id).state == "enabled"


def deliver_all(post: PostRoom) -> list[str]:
    """The events that arrive within a while, by a sender that looks ten times a second."""
    heard = []
    for _ in range(30):
        for delivery_id in post.announce():
            lease = post.claim(delivery_id)
            heard.append(lease.event_id)
            post.settle(lease)
        post.wait(0.1)
    return heard


def test_what_is_not_due_for_hours_ends_at_once_with_its_endpoint(post: PostRoom) -> None:
    disabled, deleted = post.endpoint(), post.endpoint()
    job_id = post.cancelled(webhook=None)
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), retry_in_seconds=86_400)
    post.endpoints.disable(TENANT, disabled.id)
    post.endpoints.delete(TENANT, deleted.id)
    assert post.announce() == []
    assert {one.ended_as for one in post.deliveries(job_id)} == {"endpoint_disabled", "endpoint_deleted"}


def test_what_waits_is_not_forgotten(make_post: Make) -> None:
    post = make_post(webhook_log_seconds=60)
    job_id = post.cancelled()
    post.fail(post.claim_next(), retry_in_seconds=300)
    post.wait(120)
    post.store.sweep()
    post.wait(200)
    post.settle(post.claim_next())
    assert post.delivery(job_id).status is DeliveryStatus.DELIVERED
    post.wait(7200)
    post.store.sweep()
    assert post.deliveries(job_id) == []


def test_what_is_known_of_a_receiver_does_not_stay_for_ever(post: PostRoom) -> None:
    post.cancelled()
    post.settle(post.claim_next())
    kept = {key for key in post.all_keys() if ":receiver:" in key} - {"frontier:circuit:receiver:keys"}
    assert len(kept) == 3
    for key in kept:
        assert post.client.pttl(key) > 0
    post.wait(31 * DAY_SECONDS)
    post.store.sweep()
    assert "frontier:circuit:receiver:keys" not in post.all_keys()


def test_many_paused_endpoints_catch_up_a_part_at_a_time(make_post: Make) -> None:
    post = make_post(webhook_backlog=2)
    endpoints = [post.endpoint() for _ in range(3)]
    for _ in range(450):
        post.cancelled(webhook=None)
    made = []
    for _ in range(3):
        before = sum(":dlv:" in key for key in post.all_keys())
        for delivery_id in post.announce():
            post.settle(post.claim(delivery_id))
        post.announce()
        made.append(sum(":dlv:" in key for key in post.all_keys()) - before)
        post.wait(0.05)
    assert max(made) <= 2 * 200, "one part of one endpoint in each of two calls"
    for _ in range(400):
        for delivery_id in post.announce():
            post.settle(post.claim(delivery_id))
        post.wait(0.1)
    for endpoint in endpoints:
        found = post.endpoints.find(TENANT, endpoint.id)
        assert (found.state, found.waiting) == ("enabled", 0)


def test_a_paused_endpoint_catches_up_though_what_waits_is_not_due(make_post: Make) -> None:
    post = make_post(webhook_backlog=4)
    endpoint = post.endpoint()
    for _ in range(4):
        post.cancelled(webhook=None)
    for number, delivery_id in enumerate(post.announce()):
        post.fail(post.claim(delivery_id), retry_in_seconds=5 if number < 2 else 18_000)
    post.cancelled(webhook=None)
    assert post.endpoints.find(TENANT, endpoint.id).state == "paused"
    post.wait(6)
    assert len(deliver_all(post)) == 3
    assert post.endpoints.find(TENANT, endpoint.id).state == "enabled"


def test_a_slow_receiver_gets_its_turn_beside_others_that_are_never_done(post: PostRoom) -> None:
    post.slots = 16
    post.wait(0)
    slow = [webhook(origin=f"https://{name}.example.org") for name in ("hog1", "hog2", "hog3", "victim")]
    for one in slow:
        post.cancelled(webhook=one)
    for delivery_id in post.announce():
        post.settle(post.claim(delivery_id), seconds=4.0)
    for one in slow[:3] * 5:
        post.cancelled(webhook=one)
    under_way = [post.claim(one) for one in post.announce()]
    assert len(under_way) == 12
    post.wait(0.1)
    victim = post.cancelled(webhook=slow[3])
    for _ in range(20):
        post.wait(1)
        for one in slow[:3]:
            post.cancelled(webhook=one)
        post.settle(under_way.pop(0), seconds=4.0)
        under_way += [post.claim(one) for one in post.announce()]
    assert post.delivery(victim).attempt_count == 1


def test_tests_leave_room_for_those_that_are_known(post: PostRoom) -> None:
    post.slots = 16
    post.wait(0)
    post.cancelled()
    post.settle(post.claim_next())
    for number in range(20):
        endpoint = post.endpoint("job.failed")
        for one in range(5):
            post.endpoints.test(
                TENANT, endpoint.id, event_id=f"evt_{number}_{one}", event_type="job.failed", body=b"{}"
            )
    assert len(post.announce()) <= 15
    late = post.cancelled()
    assert post.announce() == [post.delivery(late).id]


def test_an_attempt_that_fails_after_its_endpoint_was_disabled_is_the_last(post: PostRoom) -> None:
    post.endpoint()
    jobs = [post.cancelled(webhook=None) for _ in range(3)]
    first, *rest = [post.claim(one) for one in post.announce()]
    assert post.settle(first, "gone").disabled == "gone"
    for lease in rest:
        assert post.fail(lease, retry_in_seconds=86_400).status is DeliveryStatus.FAILED
    told = [one.ended_as for job_id in jobs for one in post.deliveries(job_id)]
    assert sorted(map(str, told)) == ["None", "endpoint_disabled", "endpoint_disabled"]
    assert not any(":receiver:" in key for key in post.all_keys())


def test_what_is_nobody_s_fault_disables_nothing(post: PostRoom) -> None:
    post.endpoint()
    assert set(fail_for(post, 4.9, attempts=12)) == {None}
    post.wait(DAY_SECONDS)
    leases = [post.claim(one) for one in post.announce()]
    assert [post.fail(lease, blame="nobody", retry_in_seconds=1).disabled for lease in leases] == [None]
