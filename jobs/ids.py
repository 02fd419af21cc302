"""Ids that carry their kind and cannot be guessed."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable

_ALPHABET = string.digits + string.ascii_letters
_LENGTH = 22  # 62^22 > 2^128


def new_id(kind: str, random_below: Callable[[int], int] = secrets.randbelow) -> str:
    """Such as `job_4fZ…`: the kind and 131 random bits in base 62."""
    return f"{kind}_{unguessable(random_below)}"


def unguessable(random_below: Callable[[int], int] = secrets.randbelow) -> str:
    """131 random bits in base 62."""
    return base62(random_below(62**_LENGTH), _LENGTH)


def base62(number: int, length: int) -> str:
    """A number below 62^*length* as so many digits and letters."""
    letters = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        letters.append(_ALPHABET[digit])
    return "".join(letters)
