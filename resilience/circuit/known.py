"""What one process knows of one circuit between two questions to Redis."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from resilience.circuit.local import LocalCircuit
from resilience.circuit.view import View

FRESH_SECONDS = 1.0
"""How old a view may be from which a caller is answered."""


@dataclass(frozen=True, slots=True)
class _Sight:
    """A view by a monotonic clock: no older than `sent`, and its times begin no later than `received`."""

    view: View
    sent: float
    received: float

    def at(self, now: float) -> View:
        if self.view.is_forced:
            return self.view
        return replace(self.view, wait_seconds=max(0.0, self.received + self.view.wait_seconds - now))


class Known:
    """Safe to share. `asking` is held by the one caller that asks Redis how the circuit stands.

    `local` is there from the first call that found Redis away to the first that found it back.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self.asking = threading.Lock()
        self.local: LocalCircuit | None = None
        self._guard = threading.Lock()
        self._sight: _Sight | None = None
        self._counts: Counter[str] = Counter()

    def fresh_view(self, now: float) -> View | None:
        """How the circuit stands; None if it is not known well enough to answer a caller by it."""
        sight = self._sight
        if sight is None or self.local is not None or not 0 <= now - sight.sent < FRESH_SECONDS:
            return None
        view = sight.at(now)
        return None if view.room == 0 and view.wait_seconds <= 0 else view

    def last_view(self, now: float) -> View | None:
        """How the circuit stood when it was last seen, with what is left of its times."""
        sight = self._sight
        return sight.at(now) if sight else None

    def learn(self, view: View, *, sent: float, received: float) -> None:
        """Redis has answered. Of answers that cross each other the one after more moves is kept, then the younger."""
        with self._guard:
            seen = self._sight
            do_cross = seen is not None and abs(sent - seen.sent) < FRESH_SECONDS
            if seen is None or not do_cross or (view.period, sent) >= (seen.view.period, seen.sent):
                self._sight = _Sight(view, sent, received)

    def count(self, field: str, number: int = 1) -> None:
        """Something has happened of which Redis is told with the next question."""
        with self._guard:
            self._counts[field] += number

    def take_counts(self) -> Mapping[str, int]:
        with self._guard:
            counts, self._counts = self._counts, Counter()
        return counts

    def give_back_counts(self, counts: Mapping[str, int]) -> None:
        """Redis has not been told."""
        with self._guard:
            self._counts.update(counts)
