"""Operators' word on the circuits of receivers."""

from __future__ import annotations

from typing import Literal

import redis

from jobs.keys import DEFAULT_PREFIX, Keys, ref
from jobs.scripts import Moves, unavailable_as_our_error
from jobs.settings import StoreSettings
from jobs.webhooks.errors import ReceiverNotFound

PREFIX = "circuit:receiver:"
"""Where circuits of receivers are kept, behind the prefix of all keys; a circuit's key is `tenant/receiver`."""


class ReceiverCircuits:
    """A receiver is a standing endpoint, by its id, or the origin of jobs' own webhooks."""

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        self._client = client
        self._keys = Keys(prefix)
        self._moves = Moves(client, self._keys, settings or StoreSettings())

    def is_origin(self, tenant: str, receiver: str) -> bool:
        """Whether something of the tenant is, or was, to be sent to that origin, so that its circuit may be forced."""
        with unavailable_as_our_error():
            kept = (self._keys.tenant(tenant, part, receiver) for part in ("receiver", "due", "flying"))
            return bool(self._client.exists(*kept))

    def force(self, tenant: str, receiver: str, state: Literal["open", "closed"] | None, *, by: str) -> None:
        """Hold a circuit open or closed until somebody lets go of it (None); then it begins anew, closed.

        Attempts that are under way go on; tests of an endpoint are made all the same. What waits goes on becoming too
        old. Raises ReceiverNotFound for an endpoint that there is not, and an origin that was never sent to.
        """
        if not self._moves.run("force_circuit", ref(tenant, receiver), state or "", by):
            raise ReceiverNotFound(receiver)
