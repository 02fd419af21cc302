"""The beginning of a receiver's answer, fit for a log that people read."""

from __future__ import annotations

import codecs

MOST_BYTES = 1024
MOST_CHARACTERS = 1024


def snippet(body: bytes) -> str:
    """Bytes that are no UTF-8, control characters and what turns text around are escaped as Python does it."""
    is_whole = len(body) <= MOST_BYTES
    text = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode(body[:MOST_BYTES], final=is_whole)
    return "".join(map(_shown, text))[:MOST_CHARACTERS]


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
