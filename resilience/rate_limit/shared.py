"""The windows that all processes share: one script in Redis, one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from struct import Struct
from typing import Any

import redis

from resilience.rate_limit.decision import Decision, WindowState
from resilience.rate_limit.windows import AnyWindow, Bucket

_SCRIPT = resources.files("resilience.rate_limit").joinpath("take.lua")
_MICROS = 1_000_000
_NEVER = -1
_KINDS = {"log": 1, "counter": 2, "burst": 3}
_PACKED = Struct("<5d").pack


@dataclass(frozen=True, slots=True)
class Taken:
    """How many takes of a class of buckets were allowed, and how many its windows have refused."""

    allowed: int = 0
    refused: int = 0


class SharedWindows:
    """Windows under keys that begin with *prefix*; every method raises redis.RedisError."""

    def __init__(self, client: redis.Redis, *, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._script = client.register_script(_SCRIPT.read_text(encoding="utf-8"))

    def take(self, buckets: Sequence[Bucket], cost: int, *, is_look: bool) -> Decision:
        """Take from all windows or from none; a look takes from none."""
        keys = [f"{self._prefix}taken"]
        arguments: list[int | bytes | str] = [cost, 0 if is_look else 1]
        windows = [(bucket, window) for bucket in buckets for window in bucket.windows]
        classes = list(dict.fromkeys(bucket.counted_as for bucket in buckets))
        for bucket, window in windows:
            keys.append(f"{self._prefix}{window.kind}:{bucket.key}:{window.name}")
            number = classes.index(bucket.counted_as) + 1
            micros = round(window.seconds * _MICROS)
            arguments.append(_PACKED(_KINDS[window.kind], window.limit, micros, window.rate, number))
        arguments += classes
        return _decision(windows, self._script(keys, arguments))

    def statistics(self) -> dict[str, Taken]:
        """What was taken since Redis began, by class."""
        numbers: Any = self._client.hgetall(f"{self._prefix}taken")
        told: dict[str, dict[str, int]] = {}
        for field, number in numbers.items():
            name, outcome = field.decode().split(":")
            told.setdefault(name, {})[outcome] = int(number)
        return {name: Taken(**outcomes) for name, outcomes in sorted(told.items())}


def _decision(windows: Sequence[tuple[Bucket, AnyWindow]], answer: Sequence[int]) -> Decision:
    waits = answer[3::3]
    states = [
        WindowState(window.name, bucket.key, window.limit, window.whole_seconds, remaining, reset / _MICROS)
        for (bucket, window), remaining, reset in zip(windows, answer[1::3], answer[2::3], strict=True)
    ]
    return Decision(
        allowed=answer[0] == 1,
        states=tuple(states),
        retry_after_seconds=float("inf") if _NEVER in waits else max(waits, default=0) / _MICROS,
        violated=tuple(window.name for (_, window), wait in zip(windows, waits, strict=True) if wait),
    )
