"""Forgets batches that ended long ago, once nothing lies in the storage that only they knew of."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from api.batches.uncommitted import clear_all
from jobs.batches.store import BatchStore
from storage.errors import StorageError
from storage.storage import Storage

log = logging.getLogger(__name__)

_AT_ONCE = 20


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """Any number of processes may do it; where one dies, another goes on."""

    batches: BatchStore
    storage: Storage

    def run(self) -> int:
        """Forget all that are due; how many. Raises StoreUnavailable."""
        forgotten = 0
        while due := self.batches.retiring(_AT_ONCE):
            for ref in due:
                tenant, _, batch_id = ref.partition("/")
                extra = {"batch_id": batch_id, "tenant": tenant}
                try:
                    cleared = clear_all(self.batches, self.storage, tenant, batch_id)
                except StorageError as error:
                    log.warning("batch_not_forgotten", extra={**extra, "reason": str(error)})
                    continue
                if self.batches.retire(ref):
                    forgotten += 1
                    log.info("batch_forgotten", extra={**extra, "objects": cleared})
        return forgotten
