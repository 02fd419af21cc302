"""Which requests run, and which of their tokens go into the next step; knows no torch and no threads."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from models.occupant import Occupant
from models.sequence import Sequence

OccupantT = TypeVar("OccupantT", bound=Occupant)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens `start` to `start + count` of what a sequence knows, to be run through the model."""

    sequence: Sequence
    start: int
    count: int

    @property
    def is_last(self) -> bool:
        """Whether the next token can be chosen after this chunk."""
        return self.start + self.count == len(self.sequence.known_ids)


@dataclass(frozen=True, slots=True)
class Step:
    """One forward pass: a single token of each decoding sequence, in slot order, and chunks of prompts."""

    decode: list[Sequence]
    prefill: list[Chunk]


class Scheduler(Generic[OccupantT]):
    """A waiting line and `slots` places to run in.

    A slot holds all that a request needs, so one that has a slot can always go on to its end; one that finds
    none waits. Requests are admitted in the order of their arrival, to the lowest free slot: slots in use
    stay next to each other.
    """

    def __init__(self, *, slots: int) -> None:
        self.slots = slots
        self.waiting: deque[OccupantT] = deque()
        self.running: list[OccupantT] = []
        self._free = list(range(slots))

    @property
    def can_admit(self) -> bool:
        """Whether a request waits and a slot is free."""
        return bool(self.waiting and self._free)

    def add(self, occupant: OccupantT, *, goes_first: bool = False) -> None:
        """Put a request at the end of the waiting line, or before those there that nobody was put before yet."""
        place = len(self.waiting)
        if goes_first:
            while place and not self.waiting[place - 1].keeps_its_place:
                place -= 1
                self.waiting[place].keeps_its_place = True
            occupant.keeps_its_place = True
        self.waiting.insert(place, occupant)

    def admit(self) -> list[OccupantT]:
        """Give free slots to the first of those who wait; returns them."""
        admitted = []
        while self.can_admit:
            occupant = self.waiting.popleft()
            occupant.slot = heapq.heappop(self._free)
            self.running.append(occupant)
            admitted.append(occupant)
        return admitted

    def retire(self) -> list[OccupantT]:
        """Take the slots of requests that are over; returns them."""
        over = [occupant for occupant in self.running if occupant.is_over]
        if over:
            self.running = [occupant for occupant in self.running if not occupant.is_over]
            for occupant in over:
                heapq.heappush(self._free, occupant.slot)
        return over


def plan(running: list[Sequence], *, prefill_tokens: int) -> Step:
    """Take every decoding sequence and, in the order of arrival, at most *prefill_tokens* tokens of prompts."""
    decode = sorted((sequence for sequence in running if sequence.pending == 1), key=lambda sequence: sequence.slot)
    prefill, left = [], prefill_tokens
    for sequence in running:
        if sequence.pending > 1 and left > 0:
            count = min(left, sequence.pending)
            prefill.append(Chunk(sequence, sequence.stored, count))
            left -= count
    return Step(decode, prefill)
