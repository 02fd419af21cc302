"""A sender without Celery, for tests."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from random import Random
from typing import Any

from jobs.events import Event
from jobs.settings import StoreSettings
from jobs.signature import Secret
from jobs.webhooks.delivery import Delivery
from jobs.webhooks.sealing import Sealer, new_key
from resilience.egress.guard import EgressGuard, EgressRules
from resilience.egress.post import Poster
from tasks.delivering import Courier
from tasks.retry_schedule import RetrySchedule
from tasks.sending import Sendings
from tests.jobs.turned_clock import TurnedClock
from tests.jobs.webhooks.conftest import SENDER, TENANT, PostRoom, webhook
from tests.resilience.rude_server import RudeServer

LEASE_SECONDS = 35.0


def reply(status: str = "200 OK", *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "", ""]).encode()


class SenderDesk:
    """A sender without Celery: a real store and a receiver on loopback, and a clock that the test turns.

    The receiver answers with `replies` in turn, then goes on with the last.
    """

    def __init__(self, client: TurnedClock) -> None:
        self.post = PostRoom(client, StoreSettings(deadline_seconds=30 * 86_400))
        self.receiver = RudeServer(self._answer)
        self.replies = [reply()]
        self.before_reply: Callable[[], None] = lambda: None
        self.on_pause: Callable[[], None] = lambda: None
        self.is_closing = False
        self.events: list[Event] = []
        self.refills = 0
        self.secret = Secret.new(os.urandom)
        sealer = Sealer([new_key()])
        self.post.secrets.ensure(TENANT, lambda: (sealer.seal(self.secret), self.secret.hint))
        self.sendings = Sendings(
            outbox=self.post.outbox,
            courier=Courier(
                guard=EgressGuard(EgressRules(exempt=(ip_network("127.0.0.0/8"),))),
                poster=Poster(),
                sealer=sealer,
                user_agent="Frontier/1",
                now=lambda: self.post.now,
                clock=lambda: self.post.now,
            ),
            schedule=RetrySchedule(),
            rules=self.post.rules,
            refill=self._refill,
            sender=SENDER,
            lease_seconds=LEASE_SECONDS,
            clock=lambda: self.post.now,
            pause=lambda _: self.on_pause(),
            random=Random(7),
            is_closing=lambda: self.is_closing,
            listeners=(self.events.append,),
        )

    def change(self, **changes: Any) -> None:
        """Other parts of the sender."""
        self.sendings = replace(self.sendings, **changes)

    def write(self, **changes: Any) -> str:
        """Have a job end whose webhook is the receiver; its id."""
        origin = f"http://127.0.0.1:{self.receiver.port}"
        return self.post.cancelled(webhook=webhook(url=f"{origin}/in?key=1", origin=origin), **changes)

    def send(self) -> list[str]:
        """Attempt all that is due; what became of each."""
        return [self.sendings.run(TENANT, delivery_id) for delivery_id in self.post.announce()]

    def skip_to_next_attempt(self, delivery: Delivery) -> float:
        """Turn the clock until it is due; how long that was."""
        assert delivery.next_attempt_at is not None
        seconds = delivery.next_attempt_at - self.post.now
        self.post.wait(seconds)
        return seconds

    def requests(self) -> list[tuple[dict[str, str], bytes]]:
        """Headers, with their names in lower case, and body of each that the receiver got."""
        found = []
        for request in self.receiver.requests:
            head, _, body = request.partition(b"\r\n\r\n")
            lines = [line.decode().partition(": ") for line in head.split(b"\r\n")[1:]]
            found.append(({name.lower(): value for name, _, value in lines}, body))
        return found

    def _answer(self, connection: socket.socket) -> None:
        self.before_reply()
        connection.sendall(self.replies.pop(0) if len(self.replies) > 1 else self.replies[0])

    def _refill(self) -> None:
        self.refills += 1
