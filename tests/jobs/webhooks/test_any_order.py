"""Whatever happens to deliveries in whatever order: each pending one is in one place, and somebody will look there.

And none is attempted while its receiver's circuit is open, or as a second probe.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobs.settings import StoreSettings
from jobs.webhooks.delivery import Delivery, DeliveryLease, DeliveryStatus
from jobs.webhooks.errors import DeliveryNotReplayable, EndpointDisabled, EndpointNotFound, ReceiverNotFound
from jobs.webhooks.receivers import ReceiverRules
from tests.jobs.turned_clock import TurnedClock
from tests.jobs.webhooks.conftest import TENANT, PostRoom, webhook

PREFIX = "frontier:"
CIRCUITS = f"{PREFIX}circuit:receiver:"
ORIGINS = ("https://a.example.org", "https://b.example.org")
SENDERS = ("sender1", "sender2")
BACKLOG = 5


class Deliveries(RuleBasedStateMachine):
    """Two senders, two endpoints that come and go, and jobs with webhooks of their own."""

    client: ClassVar[TurnedClock]

    @initialize()
    def begin(self) -> None:
        self.client.flushdb()
        self.post = PostRoom(self.client, StoreSettings(webhook_backlog=BACKLOG, deadline_seconds=90 * 86_400))
        self.post.rules = ReceiverRules(concurrency=2, disable_after_attempts=3, give_up_seconds=4 * 86_400)
        self.endpoints = [self.post.endpoint().id, self.post.endpoint().id]
        self.announced: list[str] = []
        self.leases: list[DeliveryLease] = []
        self.delivered: set[str] = set()

    @rule(origin=st.sampled_from([None, *ORIGINS]), count=st.integers(1, 3), full=st.booleans())
    def jobs_end(self, origin: str | None, count: int, *, full: bool) -> None:
        hook = webhook(origin=origin, include_result=full) if origin else None
        for _ in range(count):
            job_id = self.post.end(webhook=hook) if full else self.post.cancelled(webhook=hook)
            if full and count == 3:
                self.post.store.erase(TENANT, job_id)

    @rule(
        seconds=st.sampled_from([0, 1, 6, 16, 40, 70, 1000, 86_400]),
        alive=st.sampled_from([(), *[SENDERS[:n] for n in (1, 2)]]),
    )
    def time_passes(self, seconds: int, alive: tuple[str, ...]) -> None:
        self.post.wait(seconds)
        self.post.outbox.leave("sender1")
        for sender in alive:
            self.post.beat(sender, slots=3)

    @rule()
    def somebody_announces(self) -> None:
        self.announced += self.post.announce()

    @precondition(lambda self: self.announced)
    @rule(data=st.data(), sender=st.sampled_from(SENDERS), lost=st.sampled_from([False, False, False, True]))
    def a_message_comes(self, data: Any, sender: str, *, lost: bool) -> None:
        delivery_id = data.draw(st.sampled_from(self.announced))
        if lost:
            self.post.outbox.put_back([(TENANT, delivery_id)])
            return
        receiver = self.fields_of(delivery_id).get("receiver", "")
        state = self.state_of(receiver)
        running = self.probes_of(receiver) - {f"{TENANT}/{delivery_id}"}
        lease = self.post.try_claim(delivery_id, sender=sender)
        if isinstance(lease, DeliveryLease):
            self.leases.append(lease)
            assert state == "closed" or (state == "half_open" and not running), (receiver, state, running)
            assert self.fields_of(delivery_id)["probe"] == ("0" if state == "closed" else "1")

    @precondition(lambda self: self.leases)
    @rule(
        data=st.data(),
        verdict=st.sampled_from(["delivered", "failed", "failed", "failed", "gone"]),
        pause=st.sampled_from([None, 1.0, 300.0]),
        blame=st.sampled_from(["receiver", "receiver", "answered", "nobody"]),
    )
    def an_attempt_ends(self, data: Any, verdict: str, pause: float | None, blame: Any) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        settled = self.post.settle(lease, verdict, retry_in_seconds=pause, blame=blame)
        if verdict == "delivered" and settled.status is DeliveryStatus.DELIVERED:
            self.delivered.add(lease.delivery_id)

    @rule(sender=st.sampled_from(SENDERS))
    def a_sender_is_known_to_be_dead(self, sender: str) -> None:
        self.post.outbox.rescue(sender)

    @rule(which=st.integers(0, 1), wish=st.sampled_from(["enable", "disable", "delete", "replay", "test", "test"]))
    def its_owner_wishes(self, which: int, wish: str) -> None:
        endpoint_id = self.endpoints[which]
        match wish:
            case "enable":
                self.post.endpoints.enable(TENANT, endpoint_id)
            case "disable":
                self.post.endpoints.disable(TENANT, endpoint_id)
            case "delete":
                self.post.endpoints.delete(TENANT, endpoint_id)
                self.endpoints[which] = self.post.endpoint().id
            case "replay":
                try:
                    self.post.log.replay_range(TENANT, endpoint_id=endpoint_id)
                except (EndpointDisabled, EndpointNotFound):
                    self.post.endpoints.enable(TENANT, endpoint_id)
            case _:
                event_id = f"evt_{self.post.now}"
                self.post.endpoints.test(TENANT, endpoint_id, event_id=event_id, event_type="job.failed", body=b"{}")

    @rule(data=st.data())
    def a_delivery_is_replayed(self, data: Any) -> None:
        known = [one.id for one in self.known()]
        if known:
            try:
                self.post.log.replay(TENANT, data.draw(st.sampled_from(known)))
            except (EndpointDisabled, DeliveryNotReplayable):
                return

    @rule(which=st.sampled_from([0, 1, *ORIGINS]), state=st.sampled_from(["open", "closed", None, None]))
    def an_operator_wishes(self, which: int | str, state: Any) -> None:
        receiver = self.endpoints[which] if isinstance(which, int) else which
        with suppress(ReceiverNotFound):
            self.post.circuits.force(TENANT, receiver, state, by="alice")

    @rule()
    def somebody_sweeps(self) -> None:
        self.post.store.sweep()

    def known(self) -> list[Delivery]:
        ids = sorted(key.rpartition(":")[2] for key in self.post.all_keys() if ":dlv:" in key)
        return [self.post.log.find(TENANT, one) for one in ids]

    def fields_of(self, delivery_id: str) -> dict[str, str]:
        client: Any = self.client
        fields = client.hgetall(f"{PREFIX}t:{TENANT}:dlv:{delivery_id}")
        return {name.decode(): value.decode() for name, value in fields.items()}

    def state_of(self, receiver: str) -> str:
        client: Any = self.client
        forced, reopens_at = client.hmget(f"{CIRCUITS}state:{TENANT}/{receiver}", "forced", "reopens_at")
        if forced or not reopens_at:
            return forced.decode() if forced else "closed"
        return "open" if self.post.now * 1000 < int(reopens_at) else "half_open"

    def probes_of(self, receiver: str) -> set[str]:
        """Those whose leases hold."""
        client: Any = self.client
        found = client.zrangebyscore(f"{CIRCUITS}probes:{TENANT}/{receiver}", f"({self.post.now * 1000}", "+inf")
        return {one.decode() for one in found}

    def held(self, kind: str) -> dict[str, list[str]]:
        """Of each receiver, what is in its set of that kind."""
        head = f"{PREFIX}t:{TENANT}:{kind}:"
        found: dict[str, list[str]] = {}
        for key in self.post.all_keys():
            if key.startswith(head):
                client: Any = self.client
                members = client.zrange(key, 0, -1) if kind == "due" else client.smembers(key)
                found[key.removeprefix(head)] = [member.decode() for member in members]
        return found

    @invariant()
    def each_pending_one_is_in_one_place_and_no_other_is_anywhere(self) -> None:
        if not hasattr(self, "post"):
            return
        due, flying = self.held("due"), self.held("flying")
        places = [one for kind in (due, flying) for members in kind.values() for one in members]
        assert len(places) == len(set(places))
        assert set(places) == {one.id for one in self.known() if one.status is DeliveryStatus.PENDING}
        client: Any = self.client
        flights = {member.decode().partition("/")[2] for member in client.zrange(f"{PREFIX}flights", 0, -1)}
        assert flights == {one for members in flying.values() for one in members}
        hooks = {member.decode().partition("/")[2] for member in client.zrange(f"{PREFIX}hooks", 0, -1)}
        unheeded = {receiver for receiver in due if receiver not in hooks and receiver not in flying}
        assert not unheeded, "somebody will look at it, or the end of an attempt will"
        for sender in SENDERS:
            held = {member.decode().partition("/")[2] for member in client.smembers(f"{PREFIX}s:{sender}:flights")}
            assert held <= flights

    @invariant()
    def a_circuit_has_one_probe_at_the_most_which_is_a_delivery_under_way(self) -> None:
        if not hasattr(self, "post"):
            return
        client: Any = self.client
        flights = set(client.zrange(f"{PREFIX}flights", 0, -1))
        for key in self.post.all_keys():
            if key.startswith(f"{CIRCUITS}probes:"):
                members = client.zrange(key, 0, -1)
                assert len(members) == 1
                assert set(members) <= flights

    @invariant()
    def endpoints_that_are_gone_have_no_circuit(self) -> None:
        if hasattr(self, "post"):
            of = {key.rpartition("/")[2] for key in self.post.all_keys() if key.startswith(CIRCUITS) and "/we_" in key}
            assert of <= set(self.endpoints)

    @invariant()
    def no_more_wait_than_may(self) -> None:
        if hasattr(self, "post"):
            over = {name: len(members) for name, members in self.held("due").items() if len(members) > 4 * BACKLOG + 2}
            assert not over

    def teardown(self) -> None:
        """With senders that live and receivers that answer, everything that waits is delivered."""
        if not hasattr(self, "post"):
            return
        for receiver in (*self.endpoints, *ORIGINS):
            with suppress(ReceiverNotFound):
                self.post.circuits.force(TENANT, receiver, None, by="alice")
        for _ in range(150):
            if not any(one.status is DeliveryStatus.PENDING for one in self.known()):
                break
            self.post.wait(600)
            for sender in SENDERS:
                self.post.beat(sender, slots=3)
            for delivery_id in self.post.announce():
                lease = self.post.try_claim(delivery_id)
                if isinstance(lease, DeliveryLease):
                    self.post.settle(lease)
        assert [one for one in self.known() if one.status is DeliveryStatus.PENDING] == []
        for endpoint_id in self.endpoints:
            assert self.post.endpoints.find(TENANT, endpoint_id).state != "paused"


def test_in_any_order_each_delivery_has_one_place_and_leaves_in_the_end(redis_url: str) -> None:
    with TurnedClock.from_url(redis_url) as client:
        assert isinstance(client, TurnedClock)
        Deliveries.client = client
        run_state_machine_as_test(
            Deliveries, settings=hypothesis_settings(max_examples=25, stateful_step_count=30, phases=[Phase.generate])
        )
