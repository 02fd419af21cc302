"""Keeps what is told of a fault short, whatever a client has called things."""

from __future__ import annotations

LONGEST_FIELD = 200
LONGEST_MESSAGE = 500
"""Characters of the path of a field, and of what is wrong with it."""


def cut(text: str, most: int) -> str:
    """The text, or its beginning with an ellipsis behind, in *most* characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
