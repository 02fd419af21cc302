"""Takes batches in: looks whether there is such a file, and records the batch for a runner to find."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from api.batches.batch_schema import AskedBatch
from api.errors import ApiError, InvalidRequest
from api.request_trace import RequestTrace
from jobs.batches.batch import Batch, NewBatch
from jobs.batches.errors import BatchNotFound
from jobs.batches.idempotency import BatchKeys
from jobs.batches.store import BatchStore
from jobs.files.errors import FileNotFound
from jobs.files.file import Purpose
from jobs.files.store import FileStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A batch that is safe; `is_replayed` if its idempotency key had made it before."""

    batch: Batch
    is_replayed: bool


@dataclass(frozen=True, kw_only=True)
class BatchIntake:
    """What a batch comes to is kept for `output_kept_seconds`, unless it is asked otherwise.

    `charge` counts a submission for whoever makes it; it raises RateLimited for one too many.
    """

    batches: BatchStore
    keys: BatchKeys
    files: FileStore
    new_id: Callable[[], str]
    charge: Callable[[], object]
    output_kept_seconds: float

    def take(
        self, asked: AskedBatch, *, tenant: str, key_id: str, trace: RequestTrace, idempotency_key: str | None = None
    ) -> Taken:
        """Record one batch, or find the one that the idempotency key has made.

        Raises InvalidRequest, IdempotencyMismatch, RateLimited, StorageFull or StoreUnavailable.
        """
        if idempotency_key is not None and (known := self._known(asked, tenant, idempotency_key)):
            return Taken(batch=known, is_replayed=True)
        self.charge()
        self._check_input(tenant, asked.input_file_id)
        own_id = batch_id = self.new_id()
        if idempotency_key is not None:
            batch_id = self.keys.reserve(tenant, idempotency_key, asked.fingerprint, own_id)
        kept = self.output_kept_seconds if asked.output_kept_seconds is None else asked.output_kept_seconds
        new = NewBatch(
            id=batch_id,
            tenant=tenant,
            endpoint=asked.endpoint,
            input_file_id=asked.input_file_id,
            key_id=key_id,
            window_seconds=asked.window_seconds,
            metadata=asked.metadata,
            output_kept_seconds=kept,
            traceparent=trace.traceparent,
            is_traced=trace.is_traced,
        )
        try:
            batch = self.batches.accept(new)
        except FileNotFound as error:  # it was deleted just now
            raise _no_file() from error
        log.info("batch_accepted", extra={"batch_id": batch.id, "input_file_id": batch.input_file_id})
        return Taken(batch=batch, is_replayed=batch_id != own_id)

    def _known(self, asked: AskedBatch, tenant: str, idempotency_key: str) -> Batch | None:
        """None also where a server died between the two steps: then the batch is made under the id reserved for it."""
        known = self.keys.find(tenant, idempotency_key, asked.fingerprint)
        if known is not None:
            with suppress(BatchNotFound):
                return self.batches.find(tenant, known)
        return None

    def _check_input(self, tenant: str, file_id: str) -> None:
        try:
            file = self.files.find(tenant, file_id)
        except FileNotFound as error:
            raise _no_file() from error
        if file.purpose is not Purpose.BATCH:
            raise InvalidRequest.of("input_file_id", f"is a file for {file.purpose.value}; it must be one for batch")


def _no_file() -> ApiError:
    return InvalidRequest.of("input_file_id", "is the id of no file, or of none any more", code="file_not_found")
