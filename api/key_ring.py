"""Finds callers by their keys, and seldom asks the store for one that is in use."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from api.auth import Caller
from jobs.access.api_key import ApiKey
from jobs.access.errors import KeyNotFound
from jobs.access.hashing import KeyHasher
from jobs.access.key_text import KeyText
from jobs.errors import StoreUnavailable
from jobs.job import OPERATOR_KEY

log = logging.getLogger(__name__)

TRUSTED_SECONDS = 4.0
"""How long a key is taken as it was read: no revocation takes longer to be noticed."""


class _Known(NamedTuple):
    key: ApiKey
    read_at: float


@dataclass(frozen=True, kw_only=True)
class KeyRing:
    """The keys that this process has seen lately; `clock` is monotonic, `note_use` is told of each use.

    While the store is away those stay good for as long as they are trusted, and then nobody can be told from anybody.
    """

    find: Callable[[str], ApiKey]
    hasher: KeyHasher
    clock: Callable[[], float]
    note_use: Callable[[str], object]
    most_known: int = 10_000
    _known: dict[str, _Known] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def identify(self, text: str) -> Caller | None:
        """Whose key *text* is; None unless it is live. Raises StoreUnavailable."""
        given = KeyText.parse(text)
        if given is None:
            self.hasher.matches(_NOBODY, None)
            return None
        known = self._look_up(given.key_id)
        # Compared also where there is none, so that the time tells nothing.
        if not self.hasher.matches(given, known.key.digest if known else None):
            if known and not self.hasher.knows(known.key.digest):
                log.warning("key_hashed_with_another_secret_key", extra={"key_id": given.key_id})
            return None
        return None if known is None else self._let_in(known)

    def caller_of(self, key_id: str) -> Caller | None:
        """Who acts by a key that was let in before; None once it is good no more. Raises StoreUnavailable."""
        known = self._look_up(key_id)
        return None if known is None or not self.hasher.knows(known.key.digest) else self._let_in(known)

    def recognises(self, text: str) -> bool:
        """Whether *text* is a key that was live when this process read it last; asks nobody."""
        given = KeyText.parse(text)
        with self._lock:
            known = self._known.get(given.key_id) if given else None
        return (
            given is not None
            and known is not None
            and known.key.state == "live"
            and self.hasher.matches(given, known.key.digest)
        )

    def has_ended(self, key_id: str) -> bool:
        """Whether a key that was let in is good no more; while the store is away none is said to have ended."""
        if key_id == OPERATOR_KEY:
            return False
        try:
            known = self._look_up(key_id)
        except StoreUnavailable:
            return False
        return known is None or not self._is_live(known)

    def _let_in(self, known: _Known) -> Caller | None:
        if not self._is_live(known):
            return None
        self.note_use(known.key.id)
        return Caller(known.key.tenant, known.key.id, known.key.scopes, known.key.limits)

    def _look_up(self, key_id: str) -> _Known | None:
        now = self.clock()
        with self._lock:
            known = self._known.get(key_id)
        if known is not None and now - known.read_at < TRUSTED_SECONDS:
            return known
        try:
            known = _Known(self.find(key_id), now)
        except KeyNotFound:
            known = None
        with self._lock:
            self._known.pop(key_id, None)
            if known is not None:
                self._known[key_id] = known
            if len(self._known) > self.most_known:
                del self._known[next(iter(self._known))]
        return known

    def _is_live(self, known: _Known) -> bool:
        return known.key.state == "live" and self.clock() - known.read_at < known.key.seconds_left


_NOBODY = KeyText.new("none")
