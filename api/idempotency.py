"""The `Idempotency-Key` header: a structured-field string, or its bare content."""

from __future__ import annotations

import re

from api.errors import FieldError, InvalidHeader

HEADER = "Idempotency-Key"
REPLAYED = {"Idempotency-Replayed": "true"}

_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def parse_idempotency_key(header: str | None) -> str | None:
    """The key in *header*, None if there is none; raises InvalidHeader."""
    if header is None:
        return None
    key = header.strip()
    if key.startswith('"'):
        quoted = _QUOTED.fullmatch(key)
        key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    if not _KEY.fullmatch(key):
        message = "must be 1 to 255 visible ASCII characters, bare or in double quotes"
        raise InvalidHeader(f"{HEADER}: {message}", [FieldError(HEADER, message)])
    return key
