"""The sender's side of deliveries: what is due, the right to attempt it, how it went.

Every call may be repeated after StoreUnavailable, whether or not it happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import redis

from jobs.answers import Skipped
from jobs.calls import milliseconds
from jobs.keys import DEFAULT_PREFIX, Keys, ref
from jobs.scripts import Argument, Moves
from jobs.settings import StoreSettings
from jobs.traceparent import from_record
from jobs.webhooks.delivery import DeliveryAttempt, DeliveryLease, DeliveryStatus, Settled
from jobs.webhooks.receivers import ReceiverRules
from jobs.webhooks.tries import pack_attempt

ANNOUNCE_LIMIT = 256
"""Most receivers that one call looks at, and so most deliveries that it announces."""

Verdict = Literal["delivered", "failed", "gone"]

Blame = Literal["nobody", "answered", "receiver"]
"""Whose a failure is: `nobody` holds it against the receiver; one that `answered` lives, and refused what it got."""


class Outbox:
    """Announces, claims and settles. Safe to share between threads."""

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        self.settings = settings or StoreSettings()
        self.keys = Keys(prefix)
        self._moves = Moves(client, self.keys, self.settings)

    def beat(self, sender: str, *, slots: int, instance: str) -> str | None:
        """Announce a sender; the live namesake's instance if that is another one, and then nothing is changed."""
        lease_ms = milliseconds(self.settings.lease_seconds)
        before = self._moves.run("beat_sender", sender, instance, slots, lease_ms).decode()
        return before if before and before != instance else None

    def leave(self, sender: str) -> None:
        """A sender takes no more deliveries; those it holds keep their leases."""
        self._moves.run("leave_sender", sender)

    def rescue(self, sender: str) -> int:
        """Give back at once the deliveries of a sender known to be dead; how many there were."""
        return int(self._moves.run("rescue_sender", sender))

    def announce(self, rules: ReceiverRules) -> list[tuple[str, str]]:
        """What is due and may be attempted now, as far as senders have room: tenant and delivery id, to be published.

        Deliveries whose message or whose sender was lost are among them.
        """
        grace_ms = milliseconds(self.settings.dispatch_grace_seconds)
        flat = [part.decode() for part in self._moves.run("announce", rules.for_announce(), grace_ms, ANNOUNCE_LIMIT)]
        return list(zip(flat[0::2], flat[1::2], strict=True))

    def put_back(self, announced: Iterable[tuple[str, str]]) -> None:
        """Have what was announced, but not published, wait again."""
        calls: list[tuple[Argument]] = [(ref(tenant, delivery_id),) for tenant, delivery_id in announced]
        if calls:
            self._moves.run_many("put_back_delivery", calls)

    def claim(
        self, tenant: str, delivery_id: str, *, sender: str, claim_id: str, lease_seconds: float
    ) -> DeliveryLease | Skipped:
        """Take the right to attempt an announced delivery; the same `claim_id` again gives the same lease."""
        answer = self._moves.run(
            "claim_delivery", ref(tenant, delivery_id), sender, milliseconds(lease_seconds), claim_id
        )
        if answer[0] == b"skipped":
            return Skipped(answer[1].decode())
        _, token, number, failures, event, kind, endpoint, url, letter, trace, is_test, *secrets = answer
        own_url, _, body = letter.partition(b"\n")
        traceparent, is_traced = from_record(trace.decode())
        return DeliveryLease(
            delivery_id=delivery_id,
            tenant=tenant,
            sender=sender,
            token=token,
            number=number,
            failures=failures,
            event_id=event.decode(),
            event_type=kind.decode(),
            endpoint_id=endpoint.decode() or None,
            url=(own_url or url).decode(),
            body=body,
            sealed_secrets=tuple(secrets),
            traceparent=traceparent,
            is_traced=is_traced,
            is_test=is_test == 1,
        )

    def settle(
        self,
        lease: DeliveryLease,
        attempt: DeliveryAttempt,
        *,
        rules: ReceiverRules,
        verdict: Verdict,
        retry_in_seconds: float | None,
        blame: Blame = "receiver",
        open_share: float = 1.0,
    ) -> Settled:
        """Record how an attempt went.

        Without `retry_in_seconds` a failure is the last one. `gone` is the last one too, and disables a standing
        endpoint. For the circuit of the receiver what it is to blame for is a failure, what it `answered` a success,
        and what `nobody` is to blame for neither. `open_share` is how much of its time the circuit stays open if it
        opens now, near 1.
        """
        verdict_given, status, disabled = self._moves.run(
            "settle_delivery",
            ref(lease.tenant, lease.delivery_id),
            lease.token,
            verdict,
            pack_attempt(attempt),
            "" if retry_in_seconds is None else milliseconds(retry_in_seconds),
            "" if verdict == "delivered" else blame,
            rules.for_settle(open_share),
            milliseconds(attempt.seconds),
        )
        if verdict_given == b"fenced":
            return Settled(status=None)
        return Settled(status=DeliveryStatus(status.decode()), disabled=disabled.decode() or None)
