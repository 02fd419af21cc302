"""`frontier doctor`: what is wrong on this machine, and what to do about it."""

from __future__ import annotations


def doctor() -> None:
    """Look for what is wrong on this machine."""
