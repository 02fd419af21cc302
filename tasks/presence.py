"""A process's place among those that take messages: its name, its slots, and who had the name before."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from jobs.errors import StoreUnavailable
from tasks.identity import Identity

log = logging.getLogger(__name__)

BEATS_PER_LEASE = 10 / 3


class NameTaken(Exception):
    """Raised at start when a worker that may be alive goes by the same name."""


class Presence:
    """Kept by heartbeats: `beat` offers so many slots and answers with the instance of a namesake, if there is one.

    `rescue` gives back what a dead bearer of the name held, and says how much that was.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        slots: int,
        beat: Callable[[int], str | None],
        leave: Callable[[], None],
        rescue: Callable[[], int],
    ) -> None:
        self._identity = identity
        self._slots = slots
        self._beat_store = beat
        self._leave_store = leave
        self._rescue = rescue
        self._offered = 0
        self._has_left = False
        self._lock = threading.Lock()

    def join(self) -> int:
        """Announce the process, without slots yet, and rescue what a dead one of its name held; how much there was.

        Raises NameTaken if the name belongs to a worker that may be alive.
        """
        namesake = self._beat()
        if namesake and not self._identity.is_known_dead(namesake):
            raise NameTaken(
                f"a worker named {self._identity.worker} may be alive ({namesake}); set another FRONTIER_WORKER_NAME"
            )
        rescued = self._rescue()
        self._beat()
        return rescued

    def open(self) -> None:
        """Offer the slots, now that messages are taken. If Redis is away, a later beat does it."""
        self._offered = self._slots
        with suppress(StoreUnavailable):
            self._beat()

    def leave(self) -> None:
        """Take no more; what is held stays held."""
        with self._lock:  # a heartbeat under way is over by now, so that it cannot undo this
            self._has_left = True
            self._leave_store()

    def renew(self) -> None:
        """One beat. Raises StoreUnavailable."""
        if namesake := self._beat():
            log.error("worker_name_taken", extra={"worker": self._identity.worker, "by": namesake})

    def _beat(self) -> str | None:
        """The other process that has this one's name, if there is one; nothing once this one has left."""
        with self._lock:
            return None if self._has_left else self._beat_store(self._offered)
