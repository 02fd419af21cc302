"""What a receiver can do to a sender, and what can happen to a sender: every event arrives all the same."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from random import Random

import psutil
import pytest

from jobs.webhooks.delivery import DeliveryStatus
from jobs.webhooks.endpoints import EndpointStore
from scripts.ports import free_port
from tests.system.fleet import PATIENCE_SECONDS, TENANT, Fleet
from tests.system.history import History, Webhook
from tests.system.post import Post
from tests.system.worker_process import wait_for

AT_ONCE = (0.02, 0.05)
FAULTS = {
    "fail": "status",
    "busy": "status",
    "drop": "protocol",
    "hang": "timeout",
    "trickle": "timeout",
}
"""What a receiver does with a first request, and what the log says of it."""

FAILPOINTS = (
    pytest.param("sender.after_claim", marks=pytest.mark.long),
    pytest.param("sender.before_settle"),
    pytest.param("sender.after_settle", marks=pytest.mark.long),
)
MOST_GROWTH_BYTES = 64 * 1024**2


class Bystander:
    """A server on an address that webhooks may not reach; knows whether anybody has connected."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.2", 0))
        self._listener.settimeout(0)
        self.url = f"http://127.0.0.2:{self._listener.getsockname()[1]}/accept/1/in"

    @property
    def was_reached(self) -> bool:
        with suppress(BlockingIOError):
            self._listener.accept()[0].close()
            return True
        return False

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def bystander() -> Iterator[Bystander]:
    try:
        bystander = Bystander()
    except OSError:
        pytest.skip("this machine has no second loopback address")
    yield bystander
    bystander.close()


def test_each_fault_of_a_receiver_costs_an_attempt_and_no_event(fleet: Fleet, history: History, post: Post) -> None:
    post.receiver.start()
    pid = fleet.sender.pid
    urls = [post.receiver.url(behaviour, 1) for behaviour in (*FAULTS, "accept", "slow")]
    promises = history.submit(len(urls), seconds=AT_ONCE, webhooks=[Webhook(url=url) for url in urls])
    for delivery in post.check(promises):
        errors = {attempt.error for attempt in delivery.attempts}
        fault = FAULTS.get(delivery.url.split("/")[3])
        assert fault is None or (fault in errors and len(post.receiver.received(delivery.url)) > 1), delivery
    assert fleet.sender.pid == pid
    post.close()


def test_a_receiver_that_is_down_hears_of_everything_when_it_is_up(history: History, post: Post) -> None:
    endpoint = post.add(post.receiver.url(name="endpoint"))
    promises = history.submit(8, seconds=AT_ONCE, webhooks=[None, Webhook(url=post.receiver.url(name="own"))])
    own = [promise for promise in promises if promise.webhook]

    def was_refused() -> bool:
        tried = [one for one in post.deliveries(promises, endpoint) + post.deliveries(own) if one.attempts]
        return {one.endpoint_id for one in tried} == {endpoint.id, None}

    wait_for(was_refused, PATIENCE_SECONDS)
    post.receiver.start()
    told = post.check(promises, endpoint) + post.check(own)
    assert {attempt.error for delivery in told for attempt in delivery.attempts} >= {"connect", None}
    post.close()


def test_of_an_answer_without_end_little_is_read_and_its_status_counts(
    fleet: Fleet, history: History, post: Post
) -> None:
    post.receiver.start()
    webhooks = [Webhook(url=post.receiver.url("endless"))]
    promises = history.submit(4, seconds=AT_ONCE, webhooks=[Webhook(url=post.receiver.url())])
    post.check(promises)
    sender = psutil.Process(fleet.sender.pid)
    before = peak = sender.memory_info().rss

    def measure() -> None:
        nonlocal peak
        peak = max(peak, sender.memory_info().rss)

    promises = history.submit(8, seconds=AT_ONCE, webhooks=webhooks)
    post.wait_until_over(promises, meanwhile=measure)
    for delivery in post.check(promises):
        assert delivery.attempts[-1].status == 200
        assert len(delivery.attempts[-1].snippet) <= 1024
    assert peak - before < MOST_GROWTH_BYTES
    post.close()


def test_nobody_is_led_to_an_address_that_is_not_open(
    fleet: Fleet, history: History, post: Post, bystander: Bystander
) -> None:
    post.receiver.start()
    elsewhere = [bystander.url, post.receiver.url(name="elsewhere")]
    redirected = [f"{post.receiver.url('redirect', 1, 'own')}?to={url}" for url in elsewhere]
    led = history.submit(2, seconds=AT_ONCE, webhooks=[Webhook(url=url) for url in redirected])
    told = post.check(led)
    assert {one.attempts[0].status for one in told} == {307}
    assert {one.attempts[0].snippet for one in told} == {""}

    endpoint = post.add(post.receiver.url(name="endpoint"))
    EndpointStore(fleet.client).update(TENANT, endpoint.id, url=bystander.url)  # as if it had been open once
    sent = history.submit(3, seconds=AT_ONCE)
    wait_for(lambda: sum(bool(one.attempts) for one in post.deliveries(sent, endpoint)) == 3, PATIENCE_SECONDS)
    post.move(endpoint, post.receiver.url(name="home"))
    errors = {attempt.error for one in post.check(sent, endpoint) for attempt in one.attempts}
    assert errors == {"url_not_allowed", None}

    assert not bystander.was_reached
    assert post.receiver.received(elsewhere[1]) == []
    post.close()


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_a_sender_may_die_at_any_step_of_an_attempt(
    fleet: Fleet, history: History, post: Post, random: Random, failpoint: str
) -> None:
    post.receiver.start()
    fleet.restart(fleet.sender, FRONTIER_FAILPOINTS=f"{failpoint}=kill@{random.randint(1, 8)}")
    lives = len(fleet.sender.exit_codes)
    endpoint = post.add(post.receiver.url(name="endpoint"))
    promises = history.submit(12, seconds=AT_ONCE)
    post.check(promises, endpoint)
    assert fleet.sender.exit_codes[lives:] == [-signal.SIGKILL]
    came = len(post.receiver.received())
    assert came > len(promises) if failpoint == "sender.before_settle" else came >= len(promises)
    post.close()


def test_a_sender_that_dies_while_it_probes_gives_the_place_back(fleet: Fleet, history: History, post: Post) -> None:
    endpoint = post.add(post.receiver.url(name="endpoint"))
    promises = history.submit(8, seconds=AT_ONCE)
    circuit = f"frontier:circuit:receiver:state:{TENANT}/{endpoint.id}"
    wait_for(lambda: bool(fleet.client.hexists(circuit, "opened")), PATIENCE_SECONDS)
    fleet.restart(fleet.sender, FRONTIER_FAILPOINTS="sender.before_settle=kill@1")
    wait_for(lambda: bool(fleet.client.hexists(circuit, "probes_lost")), PATIENCE_SECONDS)
    post.receiver.start()
    post.check(promises, endpoint)
    assert not fleet.client.hexists(circuit, "reopens_at"), "it is closed"
    post.close()


def test_a_secret_may_be_rotated_between_two_attempts(history: History, post: Post) -> None:
    post.receiver.start()
    endpoint = post.add(post.receiver.url("fail"))
    promises = history.submit(1, seconds=AT_ONCE)
    [first] = endpoint.secrets
    wait_until_signed_with({first}, post)

    post.rotate(endpoint, keep_old=True)
    wait_until_signed_with(set(endpoint.secrets), post)
    post.rotate(endpoint, keep_old=False)
    wait_until_signed_with({endpoint.secrets[-1]}, post)

    post.move(endpoint, post.receiver.url("accept"))
    post.check(promises, endpoint)
    post.close()


def wait_until_signed_with(secrets: set[str], post: Post) -> None:
    """Until a request comes that verifies with all of these, and with none of the others."""
    wait_for(lambda: any(set(one.signed_with) == secrets for one in post.receiver.received()), PATIENCE_SECONDS)


@pytest.mark.long
def test_a_dead_receiver_with_a_long_backlog_is_nobody_else_s_trouble_and_may_be_deleted(
    history: History, post: Post
) -> None:
    post.receiver.start()
    dead = post.add(f"http://127.0.0.1:{free_port()}/in")
    healthy = post.add(post.receiver.url(name="healthy"))
    promises = history.submit(300, seconds=AT_ONCE)
    post.check(promises, healthy)
    assert {one.status for one in post.deliveries(promises, dead)} == {DeliveryStatus.PENDING}

    post.delete(dead)
    more = history.submit(5, seconds=AT_ONCE)
    post.check(more, healthy)
    cancelled = post.wait_until_over(promises, dead)
    assert {(one.status, one.ended_as) for one in cancelled} == {(DeliveryStatus.CANCELLED, "endpoint_deleted")}
    post.close()


@pytest.mark.long
def test_a_receiver_that_is_gone_is_asked_no_more_until_it_is_enabled(history: History, post: Post) -> None:
    post.receiver.start()
    endpoint = post.add(post.receiver.url("gone"))
    promises = history.submit(1, seconds=AT_ONCE)
    [failed] = post.wait_until_over(promises, endpoint)
    assert (failed.status, failed.attempt_count, failed.attempts[0].status) == (DeliveryStatus.FAILED, 1, 410)
    assert post.state(endpoint)["disabled_reason"] == "gone"

    post.move(endpoint, post.receiver.url("accept"))
    post.enable(endpoint)
    post.replay(failed)
    post.check(promises, endpoint)
    post.close()


@pytest.mark.long
def test_a_redis_killed_under_load_has_lost_no_event(
    fleet: Fleet, history: History, post: Post, random: Random
) -> None:
    post.receiver.start()
    pid = fleet.sender.pid
    endpoint = post.add(post.receiver.url("slow", name="endpoint"))
    with history.submitting(60, seconds=(0.1, 0.4)) as promises:
        for _ in range(3):
            wait_for_more(random.randint(1, 10), post)
            with fleet.redis_away(random.uniform(0.0, 1.5)):
                pass
    post.check(promises, endpoint)
    assert fleet.sender.pid == pid
    post.close()


@pytest.mark.long
def test_a_sender_told_to_stop_under_load_ends_in_good_order_and_loses_nothing(
    fleet: Fleet, history: History, post: Post, random: Random
) -> None:
    post.receiver.start()
    lives = len(fleet.sender.exit_codes)
    endpoint = post.add(post.receiver.url("slow", name="endpoint"))
    promises = history.submit(60, seconds=AT_ONCE)
    wait_for_more(random.randint(1, 20), post)
    fleet.sender.send(signal.SIGTERM)
    told = post.check(promises, endpoint)
    assert fleet.sender.exit_codes[lives:] == [os.EX_OK]
    assert all(len(one.attempts) == one.attempt_count for one in told), "each attempt that was begun is recorded"
    post.close()


def wait_for_more(count: int, post: Post) -> None:
    """Until the receiver has got so many more requests."""
    enough = len(post.receiver.received()) + count
    wait_for(lambda: len(post.receiver.received()) >= enough, PATIENCE_SECONDS)


@pytest.mark.long
def test_deliveries_outlive_the_loss_of_everything_in_the_broker(
    fleet: Fleet, history: History, post: Post, random: Random
) -> None:
    post.receiver.start()
    endpoint = post.add(post.receiver.url("slow", name="endpoint"))
    with history.submitting(60, seconds=AT_ONCE) as promises:
        for _ in range(random.randint(3, 8)):
            wait_for_more(random.randint(1, 4), post)
            fleet.client.delete("webhooks", *fleet.client.scan_iter("_kombu*"))
    post.check(promises, endpoint)
    post.close()
