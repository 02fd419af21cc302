"""Remembers which keys were used, and writes it down now and then: no request waits for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jobs.errors import StoreUnavailable

FLUSH_SECONDS = 30.0


@dataclass(kw_only=True)
class KeyUses:
    """Uses since the last flush; `clock` is monotonic, `write` takes how many seconds ago each key was used."""

    clock: Callable[[], float]
    write: Callable[[Mapping[str, float]], object]
    _used: dict[str, float] = field(default_factory=dict)

    def note(self, key_id: str) -> None:
        """It was used just now."""
        self._used[key_id] = self.clock()

    def flush(self) -> None:
        """Write down what was used; raises StoreUnavailable, and then keeps it for the next time."""
        used, self._used = self._used, {}
        if not used:
            return
        now = self.clock()
        try:
            self.write({key_id: now - at for key_id, at in used.items()})
        except StoreUnavailable:
            self._used = used | self._used
            raise
