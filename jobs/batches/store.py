"""The record of batches in Redis: every change is one atomic move.

Each move may be repeated after StoreUnavailable, whether or not it happened.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

import redis

from jobs.batches.batch import Batch, NewBatch, Part, PartKind
from jobs.batches.errors import BatchNotFound
from jobs.batches.reading import NO_METADATA, BatchPage
from jobs.batches.runner_moves import RunnerMoves
from jobs.calls import milliseconds
from jobs.errors import NewerRecord
from jobs.files.errors import FileNotFound
from jobs.headroom import Headroom
from jobs.keys import DEFAULT_PREFIX, Keys, ref
from jobs.scripts import Argument
from jobs.settings import StoreSettings
from jobs.traceparent import to_record


class BatchStore(RunnerMoves):
    """Moves, with those of `RunnerMoves`, and reads of batches. Safe to share between threads and greenlets.

    Whoever listens on `channel` hears the ref (`tenant/id`) of a batch that somebody should look at: it is new, a line
    of it has ended, it is to be cancelled, or it has ended.
    """

    def __init__(
        self,
        client: redis.Redis,
        settings: StoreSettings | None = None,
        *,
        prefix: str = DEFAULT_PREFIX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(client, settings or StoreSettings(), Keys(prefix))
        self.channel = self.keys.name("batches")
        self._headroom = Headroom(client, ceiling=self.settings.memory_ceiling, clock=clock)

    def accept(self, batch: NewBatch) -> Batch:
        """Record a new batch, for which its input is kept until it has ended; the same id again finds it.

        Raises FileNotFound if its input is no file, or none any more, or StorageFull.
        """
        self._headroom.check()
        kept = "" if batch.output_kept_seconds is None else milliseconds(batch.output_kept_seconds)
        arguments: list[Argument] = [
            ref(batch.tenant, batch.id),
            batch.endpoint,
            batch.input_file_id,
            milliseconds(batch.window_seconds),
            batch.key_id,
            json.dumps(dict(batch.metadata)),
            kept,
            to_record(batch.traceparent, is_traced=batch.is_traced),
        ]
        run = self._moves.run_durably if self.settings.durability == "strict" else self._moves.run
        if run("accept_batch", *arguments) < 0:
            raise FileNotFound(batch.input_file_id)
        return self.find(batch.tenant, batch.id)

    def find(self, tenant: str, batch_id: str) -> Batch:
        """One batch. Raises BatchNotFound."""
        return self._reader.find(tenant, batch_id)

    def page(
        self, tenant: str, *, after: str | None = None, limit: int = 20, metadata: Mapping[str, str] = NO_METADATA
    ) -> BatchPage:
        """Batches of a tenant with all of the *metadata*, newest first, from behind the id *after*.

        Raises BatchNotFound if *after* is none.
        """
        return self._reader.page(tenant, after=after, limit=limit, metadata=metadata)

    def parts(
        self, tenant: str, batch_id: str, kind: PartKind, *, first: int = 1, most: int | None = None
    ) -> list[Part]:
        """The committed parts of one kind from number *first* on."""
        return self._reader.parts(tenant, batch_id, kind, first=first, most=most)

    def cancel(self, tenant: str, batch_id: str) -> Batch:
        """Ask for the end of a batch whose lines may still run; any other stays as it is.

        Raises BatchNotFound or NewerRecord.
        """
        match self._moves.run("cancel_batch", ref(tenant, batch_id)):
            case b"missing":
                raise BatchNotFound(batch_id)
            case b"newer":
                raise NewerRecord(batch_id)
        return self.find(tenant, batch_id)
