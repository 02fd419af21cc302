"""Runs what is to be compared side by side, so that a busy moment of the machine strikes all of it alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

Measured = TypeVar("Measured")


def alternate(contestants: Mapping[str, Callable[[int], Measured]], *, rounds: int) -> dict[str, list[Measured]]:
    """Call every contestant once a round, with the round's number, in an order that turns around each round.

    The n-th results of two contestants are a pair.
    """
    results: dict[str, list[Measured]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name in list(contestants)[:: 1 if number % 2 == 0 else -1]:
            results[name].append(contestants[name](number))
    return results
