"""Holds a request until its batch has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.long_poll import LongPoll
from jobs.batches.batch import Batch, PartKind
from jobs.batches.store import BatchStore


@dataclass(frozen=True, kw_only=True)
class BatchWaiting:
    """Finds batches, when they are what is waited for."""

    batches: BatchStore
    poll: LongPoll

    def find(self, tenant: str, batch_id: str, *, seconds: float, is_enough: Callable[[Batch], bool]) -> Batch:
        """The batch as soon as it *is_enough*, or as it stands after *seconds*. Raises BatchNotFound."""
        return self.poll.look(
            lambda: self.batches.find(tenant, batch_id),
            channel=self.batches.keys.tenant(tenant, "wake", batch_id),
            seconds=seconds,
            is_enough=is_enough,
        )

    def tells_more(self, tenant: str, batch_id: str, kind: PartKind, after: int, *, seconds: float) -> Batch:
        """The batch as soon as more than the first *after* lines of a kind are told, or it has ended."""
        return self.find(
            tenant,
            batch_id,
            seconds=seconds,
            is_enough=lambda batch: batch.status.is_final or told_lines(batch, kind) > after,
        )


def told_lines(batch: Batch, kind: PartKind) -> int:
    """How many lines of a kind are told."""
    return batch.completed if kind == "output" else batch.failed
