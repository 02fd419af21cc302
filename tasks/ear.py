"""Hears a channel, and passes on what was said."""

from __future__ import annotations

from collections.abc import Callable

import redis
from redis.client import PubSub

from jobs.scripts import unavailable_as_our_error
from tasks.rounds import Rounds

POLL_SECONDS = 0.25


class Ear:
    """Calls `tell` with every message, and with None when it begins to hear: there may have been some before."""

    def __init__(self, client: redis.Redis, channel: str, tell: Callable[[bytes | None], object]) -> None:
        self._client = client
        self._channel = channel
        self._tell = tell
        self._pubsub: PubSub | None = None
        self._rounds = Rounds("ear", self.listen, lambda: 0.0 if self._pubsub else POLL_SECONDS)
        self.start = self._rounds.start

    def listen(self) -> None:
        """One round: wait for word, at most 250 ms. Raises StoreUnavailable."""
        try:
            with unavailable_as_our_error():
                self._hear()
        except Exception:
            self._drop()
            raise

    def stop(self) -> None:
        """End after the current round."""
        self._rounds.stop()
        self._drop()

    def _hear(self) -> None:
        if self._pubsub is None:
            self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
            self._pubsub.subscribe(self._channel)
            self._tell(None)
        elif (message := self._pubsub.get_message(timeout=POLL_SECONDS)) is not None:
            self._tell(message["data"])

    def _drop(self) -> None:
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None
