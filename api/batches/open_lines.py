"""How many lines of a batch are jobs at a time: enough to keep its model busy, and no more."""

from __future__ import annotations

from dataclasses import dataclass

from api.batches.gathering import Gathering
from api.batches.line_feed import LineFeed
from api.batches.work import Work

MOST_OPEN = 1000
FEWEST_OPEN = 64
OPEN_PER_SLOT = 4

LOOK_SECONDS = 5.0


@dataclass(slots=True)
class OpenLines:
    """Looks for the slots of the model every few seconds."""

    work: Work
    _looked_at: float = float("-inf")
    _most: int = FEWEST_OPEN

    def left(self, feed: LineFeed, gathering: Gathering) -> int:
        """How many more may be submitted. Raises StoreUnavailable."""
        now = self.work.clock()
        if now - self._looked_at >= LOOK_SECONDS:
            batch = feed.lease.batch
            slots = self.work.jobs.queue(batch.model or "", batch.tenant).slots
            self._most = min(MOST_OPEN, max(FEWEST_OPEN, OPEN_PER_SLOT * slots))
            self._looked_at = now
        return max(0, self._most - (feed.position - gathering.told - gathering.held))
