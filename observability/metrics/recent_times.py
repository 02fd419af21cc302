"""How long things took lately: percentiles over a sliding window, of all processes that share a folder."""

from __future__ import annotations

import math
import mmap
import os
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

WINDOW_SECONDS = 300.0
_PARTS = 10
_PART_SECONDS = WINDOW_SECONDS / _PARTS
_LEAST_MS, _RATIO, _BUCKETS = 0.05, 1.05, 330
"""The last bucket ends at about eight minutes."""

_LOG_RATIO = math.log(_RATIO)
_SLOTS = _PARTS + 1
_WIDTH = 1 + _BUCKETS
_PREFIX = "recent_"


class RecentTimes:
    """Counts times, in ms, in buckets that are 5 % wide, for each half minute; safe to share between threads.

    A time leaves between five minutes after it came and half a minute later. `clock` is monotonic, and the same for all
    processes of the machine. A slot of the ring is the number of its half minute, then its counts.
    """

    def __init__(self, clock: Callable[[], float], folder: Path | None = None) -> None:
        self._clock = clock
        self._folder = folder
        self._lock = threading.Lock()
        self._file = folder / f"{_PREFIX}{os.getpid()}" if folder else None
        self._cells = memoryview(_memory(self._file)).cast("Q")

    def add(self, ms: float) -> None:
        """Something took so long, now."""
        bucket = int(math.log(ms / _LEAST_MS) / _LOG_RATIO) if ms > _LEAST_MS else 0
        number = int(self._clock() // _PART_SECONDS)
        start = number % _SLOTS * _WIDTH
        with self._lock:
            if self._cells[start] != number:
                self._cells[start : start + _WIDTH] = array("Q", [number, *[0] * _BUCKETS])
            self._cells[start + 1 + min(bucket, _BUCKETS - 1)] += 1

    def percentiles(self, *shares: float) -> list[float]:
        """The time within which each of these shares of all lie, in ms; NaN if there are none."""
        counts = [sum(column) for column in zip(*self._slots(), strict=True)]
        return [_percentile(counts, share) for share in shares]

    def _slots(self) -> Iterator[Sequence[int]]:
        oldest = int(self._clock() // _PART_SECONDS) - _PARTS
        for cells in self._all_cells():
            for start in range(0, len(cells), _WIDTH):
                if cells[start] >= oldest:
                    yield cells[start + 1 : start + _WIDTH]

    def _all_cells(self) -> Iterator[Sequence[int]]:
        yield self._cells.tolist()
        others = self._folder.glob(f"{_PREFIX}*") if self._folder else ()
        for file in others:
            if file != self._file:
                yield array("Q", file.read_bytes())


def _memory(file: Path | None) -> mmap.mmap:
    size = _SLOTS * _WIDTH * 8
    if file is None:
        return mmap.mmap(-1, size)
    with file.open("w+b") as opened:
        opened.truncate(size)
        return mmap.mmap(opened.fileno(), size)


def _percentile(counts: Sequence[int], share: float) -> float:
    wanted = share * sum(counts)
    below = 0
    for bucket, count in enumerate(counts):
        if count and below + count >= wanted:
            return _LEAST_MS * math.exp(_LOG_RATIO * (bucket + (wanted - below) / count))
        below += count
    return math.nan
