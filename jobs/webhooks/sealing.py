"""Seals the secrets of webhooks, so that Redis and its backups hold none that can be read."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping, Sequence
from typing import Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from jobs.environment import SettingError
from jobs.signature import Secret
from jobs.webhooks.errors import BadSeal

VARIABLE = "FRONTIER_SECRET_KEY"
MAKE_ONE = "python3 -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
"""What prints a new key, wherever there is a Python."""

_KEY_BYTES = 32
_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")


class Sealer:
    """Seals with the first of its *keys*, and opens what was sealed with any of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        """*keys* are those that `new_key` makes, the newest first, one at least."""
        self._box = MultiFernet([Fernet(key) for key in keys])

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self | None:
        """With those that `keys_from_env` reads; None if there are none. Raises SettingError."""
        keys = keys_from_env(env)
        return cls(keys) if keys else None

    def seal(self, secret: Secret) -> bytes:
        """Differs each time, also for the same secret."""
        return self._box.encrypt(secret.key)

    def unseal(self, sealed: bytes) -> Secret:
        """Raises BadSeal for what no key of ours has sealed, or what was changed since."""
        try:
            return Secret(self._box.decrypt(sealed))
        except InvalidToken:
            raise BadSeal(f"a stored secret was sealed with another key than those of {VARIABLE}") from None


def keys_from_env(env: Mapping[str, str]) -> list[str]:
    """FRONTIER_SECRET_KEY: keys with commas between, newest first; none if it is not set. Raises SettingError."""
    given = env.get(VARIABLE)
    keys = [key.strip() for key in given.split(",")] if given else []
    for place, key in enumerate(keys, 1):
        if not _KEY.fullmatch(key):
            raise SettingError(
                f"{VARIABLE}: Must be one or more keys with commas between, each the URL-safe base64 of "
                f"{_KEY_BYTES} bytes; number {place} is none. Make one with {MAKE_ONE}"
            )
    return keys


def new_key() -> str:
    """A key for FRONTIER_SECRET_KEY."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode()
