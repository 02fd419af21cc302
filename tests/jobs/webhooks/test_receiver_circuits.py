"""The circuit of a receiver: what moves it, who may probe it, what an operator may do, and what is left of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from jobs.answers import Skipped
from jobs.keys import ref
from jobs.settings import StoreSettings
from jobs.webhooks.delivery import DeliveryLease, DeliveryStatus
from jobs.webhooks.errors import ReceiverNotFound
from jobs.webhooks.receivers import DAY_SECONDS, ReceiverRules
from resilience.circuit.circuit_state import CircuitState
from resilience.circuit.permit import State
from resilience.circuit.settings import CircuitSettings
from resilience.circuit.shared import SharedCircuits
from resilience.circuit.tripped import count_trips
from tests.jobs.turned_clock import TurnedClock
from tests.jobs.webhooks.conftest import ORIGIN, SENDER, TENANT, PostRoom, webhook
from tests.redis_process import RedisProcess

OPEN_SECONDS = 60


def states(client: redis.Redis) -> dict[str, CircuitState]:
    """Of each receiver's circuit, by its key."""
    settings = CircuitSettings(window_seconds=120, probes=1)
    found = SharedCircuits(client, settings, prefix="frontier:circuit:receiver:").states("")
    return {state.key: state for state in found}


def circuit(post: PostRoom, receiver: str = ORIGIN) -> CircuitState:
    return states(post.client)[ref(TENANT, receiver)]


def trip(post: PostRoom, *, more: int = 0) -> None:
    """Have five attempts at the origin fail at once; so many other deliveries wait."""
    for _ in range(5 + more):
        post.cancelled()
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), retry_in_seconds=1)
    assert circuit(post).state is State.OPEN


def probe(post: PostRoom) -> DeliveryLease:
    """The probe of a circuit that has tripped."""
    post.wait(OPEN_SECONDS)
    return post.claim_next()


def keys_of_circuits(post: PostRoom) -> set[str]:
    """But for the count of all trips, which tells of no receiver."""
    return {key for key in post.all_keys() if ":circuit:" in key} - {"frontier:circuit:receiver:trips"}


# --- what trips it


@pytest.mark.parametrize(("pause", "expected"), [(29, State.OPEN), (31, State.CLOSED)])
def test_failures_count_for_two_minutes(post: PostRoom, pause: float, expected: State) -> None:
    for _ in range(5):
        post.cancelled()
        post.fail(post.claim_next(), retry_in_seconds=9_000)
        post.wait(pause)
    assert circuit(post).state in {expected, State.HALF_OPEN if expected is State.OPEN else expected}
    assert circuit(post).opened == (expected is State.OPEN)


def test_each_trip_counts_once_and_a_failed_probe_is_one_more(post: PostRoom) -> None:
    assert count_trips(post.client, "frontier:circuit:receiver:") == 0
    trip(post, more=2)
    assert count_trips(post.client, "frontier:circuit:receiver:") == 1
    post.fail(probe(post), retry_in_seconds=9_000)
    assert circuit(post).state is State.OPEN
    assert count_trips(post.client, "frontier:circuit:receiver:") == 2


def test_a_refusal_is_a_success_and_what_is_nobody_s_fault_is_neither(post: PostRoom) -> None:
    for blame in ("answered", "nobody", "receiver"):
        post.cancelled()
        post.fail(post.claim_next(), blame=blame, retry_in_seconds=9_000)
    found = circuit(post)
    assert (found.succeeded, found.ignored, found.failed) == (1, 1, 1)
    assert (found.calls, found.failures, found.failure_rate) == (2, 1, 0.5)


def test_an_attempt_that_was_under_way_when_the_circuit_moved_says_nothing_after_it(post: PostRoom) -> None:
    post.rules = ReceiverRules(concurrency=7)
    for _ in range(8):
        post.cancelled()
    leases = [post.claim(delivery_id) for delivery_id in post.announce()]
    for lease in leases[:5]:
        post.fail(lease, retry_in_seconds=9_000)
    post.settle(leases[5])
    assert circuit(post).state is State.OPEN
    post.wait(OPEN_SECONDS)
    post.settle(leases[6])
    assert circuit(post).state is State.HALF_OPEN
    post.settle(post.claim_next())
    assert circuit(post).state is State.CLOSED


def test_failures_from_before_the_circuit_was_closed_again_do_not_open_it(post: PostRoom) -> None:
    post = PostRoom(post.client, StoreSettings(webhook_circuit_seconds=10))
    post.rules = ReceiverRules(concurrency=11)
    for _ in range(11):
        post.cancelled()
    leases = [post.claim(delivery_id) for delivery_id in post.announce()]
    for lease in leases[:5]:
        post.fail(lease, retry_in_seconds=1)
    post.wait(10)
    post.settle(post.claim_next())
    for lease in leases[5:]:
        post.fail(lease, retry_in_seconds=9_000)
    found = circuit(post)
    assert (found.state, found.failed, found.calls) == (State.CLOSED, 11, 0)


def test_one_tenant_s_receiver_trips_no_other_s_circuit_at_the_same_origin(post: PostRoom) -> None:
    trip(post)
    other = post.accept(tenant="other", webhook=webhook())
    post.store.cancel("other", other)
    assert [tenant for tenant, _ in post.outbox.announce(post.rules)] == ["other"]


def test_a_sender_s_clock_that_is_an_hour_off_moves_nothing(post: PostRoom) -> None:
    for _ in range(8):
        post.cancelled()
    for number, delivery_id in enumerate(post.announce()):
        lease = post.claim(delivery_id)
        post.now += 3600 * (-1) ** number
        post.fail(lease, retry_in_seconds=9_000)
        post.now -= 3600 * (-1) ** number
    assert circuit(post).reopens_at == post.now + OPEN_SECONDS
    post.wait(OPEN_SECONDS - 1)
    assert post.announce() == []
    post.wait(1)
    assert len(post.announce()) == 1


# --- who may probe it


def test_a_probe_that_is_nobody_s_fault_gives_its_place_to_the_next(post: PostRoom) -> None:
    trip(post, more=1)
    post.fail(probe(post), blame="nobody", retry_in_seconds=9_000)
    found = circuit(post)
    assert (found.state, found.probes.ignored, found.probes.running) == (State.HALF_OPEN, 1, 0)
    post.settle(post.claim_next())
    assert circuit(post).state is State.CLOSED


def test_a_probe_that_is_refused_closes_the_circuit(post: PostRoom) -> None:
    trip(post)
    post.fail(probe(post), blame="answered", retry_in_seconds=9_000)
    assert circuit(post).state is State.CLOSED


def test_a_sender_that_is_known_to_be_dead_gives_the_place_of_its_probe_back(post: PostRoom) -> None:
    trip(post)
    lost = probe(post)
    assert post.announce() == []
    post.outbox.rescue(SENDER)
    post.beat()
    found = circuit(post)
    assert (found.state, found.probes.lost, found.probes.running, found.opened) == (State.HALF_OPEN, 1, 0, 1)
    again = post.claim_next()
    post.fail(lost, retry_in_seconds=9_000)
    assert circuit(post).state is State.HALF_OPEN, "what the dead one did is no longer asked for"
    post.settle(again)
    assert circuit(post).state is State.CLOSED


def test_a_probe_whose_sender_is_silent_is_lost_with_its_lease(post: PostRoom) -> None:
    trip(post, more=1)
    probe(post)
    post.wait(34)
    assert post.announce() == []
    post.wait(1)
    assert len(post.announce()) == 1
    found = circuit(post)
    assert (found.probes.lost, found.probes.running) == (1, 1)


def test_a_probe_that_was_not_published_counts_as_nothing(post: PostRoom) -> None:
    trip(post)
    post.wait(OPEN_SECONDS)
    post.outbox.put_back(post.outbox.announce(post.rules))
    found = circuit(post)
    assert (found.probes.lost, found.probes.ignored, found.probes.running) == (0, 0, 0)
    post.settle(post.claim_next())
    assert circuit(post).state is State.CLOSED


def test_a_probe_is_claimed_though_its_message_was_slow_and_its_lease_begins_then(post: PostRoom) -> None:
    trip(post)
    post.wait(OPEN_SECONDS)
    [delivery_id] = post.announce()
    post.wait(14)
    lease = post.claim(delivery_id)
    post.wait(34)
    post.settle(lease)
    assert circuit(post).probes.succeeded == 1


def test_of_fifty_threads_of_senders_one_probes(redis_client: redis.Redis) -> None:
    client: Any = redis_client
    settings = StoreSettings(webhook_circuit_seconds=0.2)
    post = PostRoomByTheServer(client, settings)
    for _ in range(60):
        post.cancelled()
    for tenant, delivery_id in post.outbox.announce(post.rules):
        post.fail_one(tenant, delivery_id)
    assert states(client)[ref(TENANT, ORIGIN)].opened == 1
    started = threading.Barrier(50)
    leases: list[DeliveryLease] = []

    def send(number: int) -> None:
        started.wait()
        while not leases:
            for tenant, delivery_id in post.outbox.announce(post.rules):
                lease = post.outbox.claim(
                    tenant, delivery_id, sender=SENDER, claim_id=f"probe{number}", lease_seconds=600
                )
                if isinstance(lease, DeliveryLease):
                    leases.append(lease)

    threads = [threading.Thread(target=send, args=[number]) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(leases) == 1
    assert [post.outbox.announce(post.rules) for _ in range(3)] == [[], [], []]
    assert states(client)[ref(TENANT, ORIGIN)].probes.running == 1


class PostRoomByTheServer(PostRoom):
    """The clock is the server's own."""

    def wait(self, seconds: float) -> None:
        assert seconds == 0
        self.beat()

    def fail_one(self, tenant: str, delivery_id: str) -> None:
        lease = self.outbox.claim(tenant, delivery_id, sender=SENDER, claim_id=delivery_id, lease_seconds=600)
        assert isinstance(lease, DeliveryLease)
        self.fail(lease, retry_in_seconds=0.01)


# --- what an operator may do


def test_an_operator_holds_a_circuit_open_and_what_waits_goes_when_it_is_let_go_of(post: PostRoom) -> None:
    post.cancelled()
    [waiting] = post.announce()
    post.circuits.force(TENANT, ORIGIN, "open", by="alice")
    assert post.try_claim(waiting) == Skipped("the circuit is open")
    late = post.cancelled()
    post.wait(DAY_SECONDS)
    assert post.announce() == []
    found = circuit(post)
    assert found.forcing is not None
    assert (found.state, found.forcing.by, found.reopens_at) == (State.OPEN, "alice", None)
    post.circuits.force(TENANT, ORIGIN, None, by="alice")
    assert set(post.announce()) == {waiting, post.delivery(late).id}


def test_what_waits_while_an_operator_holds_the_circuit_open_becomes_too_old_all_the_same(post: PostRoom) -> None:
    jobs = [post.cancelled() for _ in range(3)]
    post.circuits.force(TENANT, ORIGIN, "open", by="alice")
    post.wait(7 * DAY_SECONDS - 60)
    young = post.cancelled()
    assert post.announce() == []
    post.wait(900)
    assert post.announce() == []
    assert [post.delivery(job_id).ended_as for job_id in jobs] == ["too_old"] * 3
    assert post.delivery(young).status is DeliveryStatus.PENDING


def looked_at(post: PostRoom) -> float:
    """When somebody must look at the origin next, ms."""
    score: Any = post.client.zscore("frontier:hooks", ref(TENANT, ORIGIN))
    return float(score)


def test_while_an_operator_holds_a_circuit_open_its_backlog_is_hardly_looked_at(post: PostRoom) -> None:
    post.cancelled()
    post.circuits.force(TENANT, ORIGIN, "open", by="alice")
    assert post.announce() == []
    first = looked_at(post)
    assert first == (post.now + 900) * 1000
    post.wait(600)
    post.cancelled()
    assert post.announce() == []
    assert looked_at(post) == first, "what comes meanwhile puts nothing off"


def test_a_circuit_that_is_held_closed_stays_so_whatever_fails(post: PostRoom) -> None:
    post.cancelled()
    post.settle(post.claim_next())
    post.circuits.force(TENANT, ORIGIN, "closed", by="alice")
    for _ in range(20):
        post.cancelled()
        post.fail(post.claim_next(), retry_in_seconds=9_000)
    assert (circuit(post).state, circuit(post).failed) == (State.CLOSED, 20)


def test_a_tenant_cannot_undo_what_an_operator_has_done_but_by_deleting_the_endpoint(post: PostRoom) -> None:
    endpoint = post.endpoint()
    post.circuits.force(TENANT, endpoint.id, "open", by="alice")
    post.endpoints.test(TENANT, endpoint.id, event_id="evt_1", event_type="job.failed", body=b"{}")
    post.settle(post.claim_next())
    post.endpoints.disable(TENANT, endpoint.id)
    post.endpoints.enable(TENANT, endpoint.id)
    post.endpoints.update(TENANT, endpoint.id, url="https://b.example.org/x")
    post.cancelled(webhook=None)
    assert post.announce() == []
    assert circuit(post, endpoint.id).state is State.OPEN
    post.endpoints.delete(TENANT, endpoint.id)
    assert keys_of_circuits(post) == set()


def test_nobody_forces_the_circuit_of_a_receiver_that_is_not_there(post: PostRoom) -> None:
    for receiver in ("https://typo.example.org", "we_0000000000000000000000", f"{post.endpoint().id}!test"):
        with pytest.raises(ReceiverNotFound):
            post.circuits.force(TENANT, receiver, "closed", by="alice")
    assert keys_of_circuits(post) == set()


# --- what is left of it


@pytest.mark.parametrize("is_probing", [False, True])
def test_a_deleted_endpoint_leaves_no_circuit_whatever_was_under_way(post: PostRoom, *, is_probing: bool) -> None:
    endpoint = post.endpoint()
    post.rules = ReceiverRules(concurrency=6)
    for _ in range(7):
        post.cancelled(webhook=None)
    *first, last = [post.claim(delivery_id) for delivery_id in post.announce()]
    for lease in first:
        post.fail(lease, retry_in_seconds=1)
    assert circuit(post, endpoint.id).state is State.OPEN
    leases = [last, *([probe(post)] if is_probing else [])]
    post.endpoints.delete(TENANT, endpoint.id)
    assert keys_of_circuits(post) == set()
    for lease in leases:
        post.fail(lease)
    post.announce()
    assert keys_of_circuits(post) == set()


def test_an_endpoint_tells_how_its_circuit_stands(post: PostRoom) -> None:
    endpoint = post.endpoint()

    def told() -> str:
        return post.endpoints.find(TENANT, endpoint.id).circuit

    seen = [told()]
    for _ in range(6):
        post.cancelled(webhook=None)
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), retry_in_seconds=1)
    seen.append(told())
    lease = probe(post)
    seen.append(told())
    post.settle(lease)
    seen.append(told())
    post.circuits.force(TENANT, endpoint.id, "open", by="alice")
    seen.append(told())
    assert seen == ["closed", "open", "half_open", "closed", "open"]


def test_a_test_that_succeeds_closes_the_circuit(post: PostRoom) -> None:
    endpoint = post.endpoint()
    for _ in range(6):
        post.cancelled(webhook=None)
    for delivery_id in post.announce():
        post.fail(post.claim(delivery_id), retry_in_seconds=1)
    post.endpoints.test(TENANT, endpoint.id, event_id="evt_1", event_type="job.failed", body=b"{}")
    post.settle(post.claim_next())
    assert circuit(post, endpoint.id).state is State.CLOSED
    post.wait(1)
    assert len(post.announce()) == 5


@pytest.mark.parametrize(("left", "opens"), [(30, 3), (-30, 3)])
def test_a_circuit_that_an_older_release_has_opened_goes_on(post: PostRoom, left: float, opens: int) -> None:
    key = f"frontier:t:{TENANT}:receiver:{ORIGIN}"
    for _ in range(3):
        post.cancelled()
    old: Any = {"opens": opens, "open_until": round((post.now + left) * 1000), "window": 1, "ok": 0, "bad": 9}
    post.client.hset(key, mapping=old)
    if left > 0:
        assert post.announce() == []
        post.wait(left)
    post.fail(post.claim_next(), retry_in_seconds=9_000)
    found = circuit(post)
    assert (found.state, found.trips_in_a_row) == (State.OPEN, opens + 1)
    assert found.reopens_at == post.now + OPEN_SECONDS * 2**opens
    assert not any(post.client.hexists(key, name) for name in old)


def test_what_an_older_release_has_sent_counts_when_this_one_records_it(post: PostRoom) -> None:
    for _ in range(5):
        post.cancelled()
    leases = [post.claim(delivery_id) for delivery_id in post.announce()]
    for lease in leases:
        post.client.hdel(f"frontier:t:{TENANT}:dlv:{lease.delivery_id}", "probe", "period")
        post.fail(lease, retry_in_seconds=1)
    assert circuit(post).state is State.OPEN


@pytest.fixture
def lasting(redis_process: RedisProcess) -> Iterator[PostRoom]:
    with TurnedClock.from_url(redis_process.url) as client:
        assert isinstance(client, TurnedClock)
        yield PostRoom(client, StoreSettings(deadline_seconds=30 * DAY_SECONDS))


def test_an_open_circuit_stays_so_over_a_restart_of_redis(lasting: PostRoom, redis_process: RedisProcess) -> None:
    trip(lasting)
    before = circuit(lasting)
    redis_process.kill()
    redis_process.start()
    assert circuit(lasting) == before
    lasting.wait(OPEN_SECONDS - 1)
    assert lasting.announce() == []
    lasting.wait(1)
    redis_process.kill()
    redis_process.start()
    lease = lasting.claim_next()
    redis_process.kill()
    redis_process.start()
    assert lasting.announce() == []
    lasting.settle(lease)
    assert circuit(lasting).state is State.CLOSED
