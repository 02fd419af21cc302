"""What limits promise, as plainly as it can be said: every take is kept for good, and all is added up anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from resilience.rate_limit.windows import AnyWindow


@dataclass
class PlainLog:
    """Each take counts until it is `length` old; all times are in microseconds."""

    takes: list[tuple[int, int]] = field(default_factory=list)

    def used(self, window: AnyWindow, now: int) -> Fraction:
        return Fraction(sum(cost for at, cost in self.takes if at > now - length_of(window)))

    def take(self, window: AnyWindow, now: int, cost: int) -> None:
        self.takes = [one for one in self.takes if one[0] > now - length_of(window)]  # a longer one finds no more
        self.takes.append((now, cost))


@dataclass
class PlainCounter:
    """Takes by windows of the clock; the share of the one before that would lie in the last `length` counts."""

    span: int = 1
    at: int = 0
    takes: dict[int, int] = field(default_factory=dict)

    def used(self, window: AnyWindow, now: int) -> Fraction:
        return self._of_length(window)._sum(now // 1000)

    def take(self, window: AnyWindow, now: int, cost: int) -> None:
        fitting = self._of_length(window)
        self.span, self.at, self.takes = fitting.span, now // 1000, fitting.takes
        number = self.at // self.span
        self.takes[number] = self.takes.get(number, 0) + cost

    def _of_length(self, window: AnyWindow) -> PlainCounter:
        """Of another length, what counted at the last take is taken as taken then."""
        span = ceil(length_of(window) / 1000)
        if span == self.span:
            return PlainCounter(span, self.at, dict(self.takes))
        carried = ceil(self._sum(self.at))
        return PlainCounter(span, self.at, {self.at // span: carried})

    def _sum(self, ms: int) -> Fraction:
        number, elapsed = divmod(ms, self.span)
        return self.takes.get(number, 0) + self.takes.get(number - 1, 0) * (1 - Fraction(elapsed, self.span))


@dataclass
class PlainBurst:
    """A level that each take raises by its cost and time lowers at the rate."""

    level: Fraction = Fraction(0)
    at: int = 0

    def used(self, window: AnyWindow, now: int) -> Fraction:
        length = length_of(window)
        level = Fraction(ceil(self.level * length), length)  # of another length it was no whole number of microseconds
        return max(Fraction(0), level - Fraction(window.rate * (now - self.at), length))

    def take(self, window: AnyWindow, now: int, cost: int) -> None:
        self.level, self.at = self.used(window, now) + cost, now


Plain = PlainLog | PlainCounter | PlainBurst
PLAIN: dict[str, Callable[[], Plain]] = {"log": PlainLog, "counter": PlainCounter, "burst": PlainBurst}


def length_of(window: AnyWindow) -> int:
    return round(window.seconds * 1_000_000)


def remaining(plain: Plain, window: AnyWindow, now: int) -> int:
    return max(0, floor(window.limit - plain.used(window, now)))


def wait(plain: Plain, window: AnyWindow, now: int, cost: int) -> int | None:
    """Microseconds until the cost fits; None if it never does."""
    if cost > window.limit:
        return None
    return _first(lambda later: plain.used(window, now + later) + cost <= window.limit, _horizon(plain, window, now))


def reset(plain: Plain, window: AnyWindow, now: int) -> int:
    """Microseconds until nothing counts any more."""
    return _first(lambda later: plain.used(window, now + later) == 0, _horizon(plain, window, now))


def _horizon(plain: Plain, window: AnyWindow, now: int) -> int:
    lengths = 2 + ceil(plain.used(window, now) / max(1, window.rate))
    return lengths * length_of(window) + 1000


def _first(holds: Callable[[int], bool], high: int) -> int:
    """By halving: what holds once holds from then on, for nobody takes meanwhile."""
    low = 0
    assert holds(high)
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
