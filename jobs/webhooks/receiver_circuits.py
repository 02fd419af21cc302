"""Operators' word on the circuits of receivers."""

from __future__ import annotations

from typing import Literal

import redis

from jobs.keys import DEFAULT_PREFIX, Keys, ref
from jobs.scripts import Moves
from jobs.settings import StoreSettings
from jobs.webhooks.errors import ReceiverNotFound

PREFIX = "circuit:receiver:"
"""Where circuits of receivers are kept, behind the prefix of all keys; a circuit's key is `tenant/receiver`."""


class ReceiverCircuits:
    """A receiver is a standing endpoint, by its id, or the origin of jobs' own webhooks."""

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        self._moves = Moves(client, Keys(prefix), settings or StoreSettings())

    def force(self, tenant: str, receiver: str, state: Literal["open", "closed"] | None, *, by: str) -> None:
        """Hold a circuit open or closed until somebody lets go of it (None); then it begins anew, closed.

        Attempts that are under way go on; tests of an endpoint are made all the same. What waits goes on becoming too
        old. Raises ReceiverNotFound for an endpoint that there is not, and an origin that was never sent to.
        """
        if not self._moves.run("force_circuit", ref(tenant, receiver), state or "", by):
            raise ReceiverNotFound(receiver)
