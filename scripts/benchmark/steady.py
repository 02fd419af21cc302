"""How fast a system is between its start and its end, when all its slots are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """So many tokens, evenly between two moments of one clock, in seconds."""

    first_at: float
    last_at: float
    tokens: int


def window(generations: Sequence[Generation], *, slots: int) -> tuple[float, float]:
    """From when a tenth have ended until when the last ones begin to leave slots empty."""
    ends = sorted(generation.last_at for generation in generations)
    return ends[len(ends) // 10], ends[-slots - 1]


def steady_rate(generations: Sequence[Generation], *, slots: int) -> float:
    """Tokens per second within the window; a generation that reaches over its edge counts with its part inside.

    Raises ValueError for so few generations that there is no such window.
    """
    if len(generations) - slots - 1 <= len(generations) // 10:
        raise ValueError(f"{len(generations)} generations are too few to keep {slots} slots taken")
    begin, end = window(generations, slots=slots)
    return sum(_tokens_within(generation, begin, end) for generation in generations) / (end - begin)


def _tokens_within(generation: Generation, begin: float, end: float) -> float:
    inside = min(generation.last_at, end) - max(generation.first_at, begin)
    whole = generation.last_at - generation.first_at
    if whole <= 0:
        return generation.tokens if begin <= generation.last_at < end else 0
    return generation.tokens * max(0.0, inside) / whole
