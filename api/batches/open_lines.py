"""How many lines of a batch are jobs at a time: enough to keep its model busy, and no more."""

from __future__ import annotations

from dataclasses import dataclass

from api.batches.gathering import Gathering
from api.batches.line_feed import LineFeed
from api.batches.standstill import standstill
from api.batches.work import Work

MOST_OPEN = 1000
FEWEST_OPEN = 64
OPEN_PER_SLOT = 4

LOOK_SECONDS = 5.0
LOOK_SECONDS_IDLE = 1.0
"""While the model does not serve."""


@dataclass(slots=True)
class OpenLines:
    """Looks every few seconds for the slots of the model, and for what keeps it from serving: that is `waits_for`."""

    work: Work
    waits_for: str | None = None
    _looked_at: float = float("-inf")
    _most: int = FEWEST_OPEN

    def left(self, feed: LineFeed, gathering: Gathering) -> int:
        """How many more may be submitted. Raises StoreUnavailable."""
        now = self.work.clock()
        if now - self._looked_at >= (LOOK_SECONDS_IDLE if self.waits_for else LOOK_SECONDS):
            batch = feed.lease.batch
            model = batch.model or ""
            queue = self.work.jobs.queue(model, batch.tenant)
            self._most = min(MOST_OPEN, max(FEWEST_OPEN, OPEN_PER_SLOT * queue.slots))
            self.waits_for = standstill(model, queue, self.work.submissions.gate)
            self._looked_at = now
        return max(0, self._most - (feed.position - gathering.told - gathering.held))
