"""What one process knows of one window while it limits alone; all times are in whole microseconds of one clock."""

from __future__ import annotations

from dataclasses import dataclass

from resilience.rate_limit.windows import AnyWindow

MICROS = 1_000_000
SLICES = 8
"""Into so many a window is cut: what was taken leaves with the end of its slice, a slice late at most."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a share has left, when it would be whole again, and how long a cost must wait; None if it never fits in."""

    remaining: int
    reset: int
    wait: int | None


class WindowShare:
    """Of a window, whatever its kind: at most `limit // nodes` in any `seconds`, in a few numbers however many came."""

    __slots__ = ("_slices",)

    def __init__(self) -> None:
        self._slices: list[tuple[int, int]] = []

    def standing(self, window: AnyWindow, nodes: int, *, now: int, cost: int) -> Standing:
        limit, length = window.limit // nodes, round(window.seconds * MICROS)
        counted = [(end + length - now, count) for end, count in self._slices if end + length > now]
        used = sum(count for _, count in counted)
        return Standing(
            remaining=max(0, limit - used),
            reset=counted[-1][0] if counted else 0,
            wait=_wait(counted, used + cost - limit) if cost <= limit else None,
        )

    def take(self, window: AnyWindow, _nodes: int, *, now: int, cost: int) -> None:
        length = round(window.seconds * MICROS)
        self._slices = [one for one in self._slices if one[0] + length > now]
        slice_length = -(-length // SLICES)
        end, count = now - now % slice_length + slice_length, 0
        if self._slices and self._slices[-1][0] >= end:  # a slice of a longer window may end later
            end, count = self._slices.pop()
        self._slices.append((end, count + cost))


class BurstShare:
    """Of a burst: a debt that is paid back at a rate, both divided by `nodes`; in cost times length times nodes."""

    __slots__ = ("_at", "_debt", "_length")

    def __init__(self) -> None:
        self._length, self._at, self._debt = 1, 0, 0

    def standing(self, burst: AnyWindow, nodes: int, *, now: int, cost: int) -> Standing:
        limit, length, debt = burst.limit // nodes, _length(burst, nodes), self._owed(burst, nodes, now)
        over = debt + (cost - limit) * length
        return Standing(
            remaining=max(0, (limit * length - debt) // length),
            reset=-(-debt // burst.rate),
            wait=max(0, -(-over // burst.rate)) if cost <= limit else None,
        )

    def take(self, burst: AnyWindow, nodes: int, *, now: int, cost: int) -> None:
        length = _length(burst, nodes)
        self._debt = self._owed(burst, nodes, now) + cost * length
        self._length, self._at = length, now

    def _owed(self, burst: AnyWindow, nodes: int, now: int) -> int:
        debt = -(-self._debt * _length(burst, nodes) // self._length)
        return max(0, debt - burst.rate * (now - self._at))


def _wait(counted: list[tuple[int, int]], needed: int) -> int:
    for leaves_in, count in counted:
        if needed <= 0:
            break
        needed -= count
        if needed <= 0:
            return leaves_in
    return 0


def _length(burst: AnyWindow, nodes: int) -> int:
    return round(burst.seconds * MICROS) * nodes
