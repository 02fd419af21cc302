"""Deletes the bytes of files that nobody finds any more, then what was known of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.files.store import FileStore
from storage.errors import StorageError
from storage.storage import Storage

log = logging.getLogger(__name__)

ROUND_SECONDS = 30.0
_AT_ONCE = 20
_OLD_DRAFT_SECONDS = 86_400.0
_LOOK_FOR_DRAFTS_SECONDS = 3600.0


@dataclass(kw_only=True)
class Disposal:
    """Any number of processes may do it; where one dies, another goes on. `clock` gives Unix seconds."""

    store: FileStore
    storage: Storage
    clock: Callable[[], float]
    _looked_at: float = field(default=0.0, init=False)

    def run(self) -> int:
        """Delete all that is due; of how many files. Raises StoreUnavailable."""
        deleted = 0
        while due := self.store.due(most=_AT_ONCE):
            for doomed in due:
                try:
                    for name in doomed.names:
                        self.storage.delete(name)
                except StorageError as error:
                    log.warning("file_not_deleted", extra={"file_id": doomed.id, "reason": str(error)})
                    continue
                if self.store.forget(doomed):
                    deleted += 1
                    log.info("file_deleted", extra={"file_id": doomed.id})
        self._clear_drafts()
        return deleted

    def _clear_drafts(self) -> None:
        now = self.clock()
        if now - self._looked_at < _LOOK_FOR_DRAFTS_SECONDS:
            return
        self._looked_at = now
        try:
            self.storage.clear_unfinished(before=now - _OLD_DRAFT_SECONDS)
        except StorageError as error:
            log.warning("drafts_not_cleared", extra={"reason": str(error)})
