"""How many streams an API process serves at a time, in all and for one key."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from api.errors import TooManyStreams


@dataclass(kw_only=True)
class StreamPlaces:
    """Gives out the places; those of one process share nothing with another's."""

    per_key: int
    per_process: int
    _taken: Counter[str] = field(default_factory=Counter)

    @property
    def taken(self) -> int:
        """How many streams there are."""
        return self._taken.total()

    def take(self, key: str) -> Place:
        """A place for a stream that *key* pays for; raises TooManyStreams."""
        if self.taken >= self.per_process:
            raise TooManyStreams(f"This process serves {self.per_process} streams; no more until one has ended.")
        if self._taken[key] >= self.per_key:
            raise TooManyStreams(f"There are {self.per_key} streams with this key; no more until one has ended.")
        self._taken[key] += 1
        return Place(self, key)

    def free(self, key: str) -> None:
        """One stream of *key* less; its Place sees to it."""
        self._taken[key] -= 1
        if not self._taken[key]:
            del self._taken[key]


class Place:
    """One stream's place; however often and by whomever it is given back, it counts once."""

    def __init__(self, places: StreamPlaces, key: str) -> None:
        self._places = places
        self._key = key
        self._is_taken = True

    def give_back(self) -> None:
        if self._is_taken:
            self._is_taken = False
            self._places.free(self._key)

    def hand_on(self) -> Place:
        """The same place for another holder; this one has nothing left to give back."""
        self._is_taken = False
        return Place(self._places, self._key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()
