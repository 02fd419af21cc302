"""Moves that must be made: tried until the store answers, or until a process that ends cannot wait any longer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from jobs.errors import StoreUnavailable
from resilience.backoff import Backoff

STORE_BACKOFF = Backoff(base_seconds=0.1, cap_seconds=2.0)
CLOSING_PATIENCE_SECONDS = 5.0
"""How long a process that is told to stop waits for a store that is away."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Insistence:
    """How to wait for a store that is away; its tokens protect the record meanwhile."""

    clock: Callable[[], float]
    pause: Callable[[float], None]
    random: Random
    is_closing: Callable[[], bool]

    def on(self, move: Callable[[], T]) -> T:
        """What *move* answers. Raises StoreUnavailable once the process is closing and has waited for long enough."""
        failures = 0
        give_up_at: float | None = None
        while True:
            try:
                return move()
            except StoreUnavailable:
                failures += 1
                if give_up_at is None and self.is_closing():
                    give_up_at = self.clock() + CLOSING_PATIENCE_SECONDS
                if give_up_at is not None and self.clock() >= give_up_at:
                    raise
                self.pause(STORE_BACKOFF.delay(failures, self.random))
