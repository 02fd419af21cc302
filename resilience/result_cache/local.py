"""What one process keeps of the cache in its own memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from resilience.result_cache.size import counted_bytes


@dataclass(frozen=True, slots=True)
class LocalEntry:
    """A value and until when, by the process's clock, it may be told: without asking, and at all."""

    stamp: str
    value: bytes
    trusted_until: float
    ends_at: float


class LocalEntries:
    """At most `max_bytes` of values; those used longest ago leave first. Safe to share between threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, LocalEntry] = OrderedDict()
        self.bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, *, stamp: str, now: float) -> LocalEntry | None:
        """The entry, if it was put under the same stamp and has not ended."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            if found.ends_at <= now:
                self._remove(key)
                return None
            if found.stamp != stamp:
                return None
            self._entries.move_to_end(key)
            return found

    def put(self, key: str, entry: LocalEntry) -> bool:
        """Keep an entry, in the place of another under its key; False if it is too large."""
        size = counted_bytes(key, entry.stamp, entry.value)
        with self._lock:
            self._remove(key)
            if size > self._max_bytes:
                return False
            while self.bytes + size > self._max_bytes:
                self._remove(next(iter(self._entries)))
                self.evictions += 1
            self._entries[key] = entry
            self.bytes += size
            return True

    def erase(self, key: str) -> None:
        """Forget an entry."""
        with self._lock:
            self._remove(key)

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= counted_bytes(key, entry.stamp, entry.value)
