"""Sessions of browsers, and invitations, each of which begins one: Redis has hashes of their texts, and no text."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis

from jobs.access.key_text import is_key_id
from jobs.calls import milliseconds
from jobs.job import OPERATOR_KEY
from jobs.keys import DEFAULT_PREFIX, Keys
from jobs.scripts import unavailable_as_our_error

INVITATION_SECONDS = 600.0

_PURPOSE = b"frontier: sessions of the console"
_SECRET = r"[0-9A-Za-z_-]{43}"  # noqa: S105 - the form of one: 256 bits
_SESSION = re.compile(rf"([0-9A-Za-z_]+)\.{_SECRET}")
_INVITATION = re.compile(rf"login_{_SECRET}")


@dataclass(frozen=True, slots=True)
class Session:
    """What a browser shows: `text` names the key with which it was begun."""

    key_id: str
    text: str = field(repr=False)


def is_invitation(text: str) -> bool:
    """Whether *text* could be an invitation."""
    return _INVITATION.fullmatch(text) is not None


class SessionStore:
    """Sessions end `idle_seconds` after they were used last, and `longest_seconds` after they began.

    Hashes are made with the operator's key: who can read or write Redis and knows nothing else cannot use a session,
    make one, or turn it into another key's; and all end when that key is replaced. `draw` gives so many random bytes
    as text.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        operator_key: str,
        longest_seconds: float,
        idle_seconds: float,
        draw: Callable[[int], str] = secrets.token_urlsafe,
        prefix: str = DEFAULT_PREFIX,
    ) -> None:
        self._client = client
        self._keys = Keys(prefix)
        self._pepper = hmac.digest(operator_key.encode(), _PURPOSE, "sha256")
        self._longest_ms = milliseconds(longest_seconds)
        self._idle_ms = milliseconds(min(idle_seconds, longest_seconds))
        self._draw = draw

    def begin(self, key_id: str) -> Session:
        """A session that nobody has had. Raises StoreUnavailable or StorageFull."""
        session = Session(key_id, f"{key_id}.{self._draw(32)}")
        with unavailable_as_our_error():
            ends = _milliseconds_of(self._client.time()) + self._longest_ms
            self._client.set(self._name("session", session.text), ends, px=self._idle_ms)
        return session

    def find(self, text: str) -> Session | None:
        """The session that *text* names, used now; None if it has ended, or never began. Raises StoreUnavailable."""
        found = _SESSION.fullmatch(text)
        if found is None or not (found[1] == OPERATOR_KEY or is_key_id(found[1])):
            return None
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.getex(self._name("session", text), px=self._idle_ms)
            pipeline.time()
            ends, now = pipeline.execute()
        if ends is None:
            return None
        if int(ends) <= _milliseconds_of(now):
            self.end(text)
            return None
        return Session(found[1], text)

    def end(self, text: str) -> None:
        """No session any more, whether or not it was one."""
        with unavailable_as_our_error():
            self._client.delete(self._name("session", text))

    def invite(self) -> str:
        """What begins one session with the operator's key, for as long as INVITATION_SECONDS."""
        text = f"login_{self._draw(32)}"
        with unavailable_as_our_error():
            self._client.set(self._name("invitation", text), "", px=milliseconds(INVITATION_SECONDS))
        return text

    def redeem(self, text: str) -> bool:
        """Whether it was an invitation, which it is no more: of any number of calls at once one is told so."""
        if not is_invitation(text):
            return False
        with unavailable_as_our_error():
            return self._client.getdel(self._name("invitation", text)) is not None

    def _name(self, kind: str, text: str) -> str:
        return self._keys.name(f"{kind}:{hmac.digest(self._pepper, f'{kind} {text}'.encode(), 'sha256').hex()}")


def _milliseconds_of(told: Any) -> int:
    """Redis' own time, which it tells as seconds and microseconds."""
    return int(told[0]) * 1000 + int(told[1]) // 1000
