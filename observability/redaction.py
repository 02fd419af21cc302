"""Takes out of a text what opens something, whoever put it there."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"(?P<shown>fr_[a-z0-9]{1,16}_[0-9A-Za-z]{1,32}_|whsec_|bearer\s+)(?P<hidden>[^\s\"'\\,;]+)", re.IGNORECASE
)
"""API keys, of which the id may be seen, secrets of webhooks, and whatever a request has shown as its key."""

_MARKS = ("fr_", "whsec_", "bearer")
"""One of them stands in every text of which something is taken out; to look for them is quick."""


def redacted(text: str) -> str:
    """*text* with `***` in the place of every secret that can be told from its form."""
    folded = text.lower()
    if not any(mark in folded for mark in _MARKS):
        return text
    return _SECRET.sub(r"\g<shown>***", text)
