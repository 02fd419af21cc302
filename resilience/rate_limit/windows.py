"""The words for limits: windows and bursts, and the bucket that holds those of one subject."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_LONGEST_KEY = 512
_LONGEST_SECONDS = 366 * 86_400
_HIGHEST = 1_000_000_000
_EXACT = 2**52
"""Products up to here are exact in Redis, whose scripts know no integers but those of a double."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` in any `seconds`.

    `log` is exact and keeps one entry for each take, `limit` at most. `counter` keeps two numbers: it takes what came
    in the clock's last full window as spread evenly over it, and lets in at most `2 * limit - 1` in any `seconds`.
    A limit of 0 lets nothing in. Raises ValueError.
    """

    name: str
    limit: int
    seconds: float
    kind: Literal["log", "counter"]

    def __post_init__(self) -> None:
        _check_name("a window's name", self.name)
        _check_count(f"limit of {self.name}", self.limit, least=0)
        _check_seconds(self.name, self.seconds)
        if self.kind not in {"log", "counter"}:
            raise ValueError(f"kind of {self.name}: must be log or counter, not {self.kind!r}")
        if self.kind == "counter":
            _check_exact(self.name, self.limit * self.seconds * 1000)

    @property
    def rate(self) -> int:
        """How many come back in `seconds`."""
        return self.limit

    @property
    def whole_seconds(self) -> float:
        """How long it takes to come back whole."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class Burst:
    """`rate` per `seconds` in the long run, `burst` of them at once (GCRA). Raises ValueError."""

    name: str
    rate: int
    seconds: float
    burst: int

    def __post_init__(self) -> None:
        _check_name("a burst's name", self.name)
        _check_count(f"rate of {self.name}", self.rate, least=1)
        _check_count(f"burst of {self.name}", self.burst, least=0)
        _check_seconds(self.name, self.seconds)
        _check_exact(self.name, self.burst * self.seconds * 1_000_000)

    @property
    def kind(self) -> Literal["burst"]:
        return "burst"

    @property
    def limit(self) -> int:
        """How many at once."""
        return self.burst

    @property
    def whole_seconds(self) -> float:
        """How long it takes to come back whole."""
        return self.burst * self.seconds / self.rate


AnyWindow = Window | Burst


@dataclass(frozen=True, slots=True)
class Bucket:
    """The windows of one subject, such as ``key:abc:submit``; `counted_as` is what statistics call subjects like it.

    Raises ValueError.
    """

    key: str
    windows: tuple[AnyWindow, ...]
    counted_as: str = "other"

    def __post_init__(self) -> None:
        if not (0 < len(self.key) <= _LONGEST_KEY and self.key.isprintable()):
            raise ValueError(f"a bucket's key: must be 1 to {_LONGEST_KEY} printable characters, not {self.key!r:.50}")
        _check_name(f"counted_as of {self.key}", self.counted_as)


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what}: must be lower-case letters, digits, _ and -, 64 at most, not {name!r}")


def _check_count(what: str, count: int, *, least: int) -> None:
    if not least <= count <= _HIGHEST:
        raise ValueError(f"{what}: must be a whole number from {least} to {_HIGHEST:,}, not {count!r}")


def _check_seconds(name: str, seconds: float) -> None:
    if not (math.isfinite(seconds) and 0.001 <= seconds <= _LONGEST_SECONDS):  # noqa: PLR2004 - a millisecond
        raise ValueError(f"seconds of {name}: must be from 0.001 to {_LONGEST_SECONDS:,}, not {seconds!r}")


def _check_exact(name: str, product: float) -> None:
    if product > _EXACT:
        raise ValueError(f"limit of {name}: is too high for so long a window")
