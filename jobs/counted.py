"""Numbers of things, in words for people."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """Such as "1 job" and "2 jobs"; *what* is one of them."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
