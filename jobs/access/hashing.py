"""What is stored of a key in place of its secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

from jobs.access.key_text import KeyText
from jobs.webhooks.sealing import keys_from_env

_PURPOSE = b"frontier: pepper of API keys"
_NONE = ""
_NO_HASH = "-" * 64


class Digest(NamedTuple):
    """The hash of a key in hexadecimal digits, and the name of the pepper in it; empty for none."""

    pepper: str
    value: str


class KeyHasher:
    """HMAC-SHA-256 with the first of its peppers, plain SHA-256 if it has none.

    A fast hash is enough: nobody can go through 2^178 secrets. With a pepper, who can write to the store and knows
    nothing else cannot plant a key: what was stored without one is good for nothing then.
    """

    def __init__(self, peppers: Sequence[bytes] = ()) -> None:
        self._peppers = {hashlib.sha256(pepper).hexdigest()[:8]: pepper for pepper in peppers} or {_NONE: b""}
        self._first = next(iter(self._peppers))

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """With a pepper drawn from each key of FRONTIER_SECRET_KEY, none if it is not set. Raises SettingError."""
        keys = (base64.urlsafe_b64decode(key) for key in keys_from_env(env))
        return cls([hmac.digest(key, _PURPOSE, "sha256") for key in keys])

    def digest(self, key: KeyText) -> Digest:
        """How the key is stored."""
        return Digest(self._first, self._hash(key, self._first))

    def matches(self, key: KeyText, stored: Digest | None) -> bool:
        """Whether that is how the key is stored; takes as long if there is None, or its pepper is not here."""
        compared = stored if stored is not None and self.knows(stored) else Digest(self._first, _NO_HASH)
        return hmac.compare_digest(self._hash(key, compared.pepper), compared.value)

    def knows(self, stored: Digest) -> bool:
        """Whether its pepper is here."""
        return stored.pepper in self._peppers

    def _hash(self, key: KeyText, name: str) -> str:
        if name == _NONE:
            return hashlib.sha256(key.signed.encode()).hexdigest()
        return hmac.new(self._peppers[name], key.signed.encode(), "sha256").hexdigest()
