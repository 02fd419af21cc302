"""The text of an API key: `fr_<env>_<id>_<secret><checksum>`; a typo is told from a key without asking anybody."""

from __future__ import annotations

import re
import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from jobs.ids import base62, new_id

KIND = "key"

_SECRET_LETTERS = 30  # 62^30 > 2^178
_CHECKSUM_LETTERS = 6  # 62^6 > 2^32
_FORM = re.compile(r"(fr_[a-z0-9]{1,16}_([0-9A-Za-z]{22})_[0-9A-Za-z]{30})([0-9A-Za-z]{6})")
_ID = re.compile(rf"{KIND}_[0-9A-Za-z]{{22}}")


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key as its holder knows it; `signed` is all of it before the checksum, and never shown by accident."""

    key_id: str
    signed: str = field(repr=False)

    @classmethod
    def new(cls, env: str, random_below: Callable[[int], int] = secrets.randbelow) -> Self:
        """A key that nobody has, with 178 random bits; *env* says to people where it belongs, such as `live`."""
        key_id = new_id(KIND, random_below)
        secret = base62(random_below(62**_SECRET_LETTERS), _SECRET_LETTERS)
        return cls(key_id, f"fr_{env}_{key_id.removeprefix(f'{KIND}_')}_{secret}")

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """What *text* says, or None if it cannot be a key."""
        found = _FORM.fullmatch(text)
        if found is None or _checksum(found[1]) != found[3]:
            return None
        return cls(f"{KIND}_{found[2]}", found[1])

    @property
    def text(self) -> str:
        """The whole, to be shown once."""
        return self.signed + _checksum(self.signed)


def is_key_id(text: str) -> bool:
    """Whether *text* could be the id of a key."""
    return bool(_ID.fullmatch(text))


def _checksum(signed: str) -> str:
    return base62(zlib.crc32(signed.encode()), _CHECKSUM_LETTERS)
