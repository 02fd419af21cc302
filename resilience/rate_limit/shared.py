"""The windows that all processes share: one script in Redis, one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from math import inf
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
        prefix = self._prefix
        keys: list[str] = [f"{prefix}taken"]
        arguments: list[int | bytes | str] = [cost, 0 if is_look else 1]
        windows: list[tuple[Bucket, AnyWindow]] = []
        for number, bucket in enumerate(buckets):
            for window in bucket.windows:
                kind, micros = window.kind, round(window.seconds * _MICROS)
                keys.append(f"{prefix}{kind}:{bucket.key}:{window.name}")
                arguments.append(_PACKED(_KINDS[kind], window.limit, micros, window.rate, number))
                windows.append((bucket, window))
        arguments += [bucket.counted_as for bucket in buckets]
        return _decision(windows, self._run(keys, arguments))

    def _run(self, keys: Sequence[str], arguments: Sequence[int | bytes | str]) -> list[int]:
        """As the script object would, which takes a while on the way to the same command."""
        answer: list[int]
        try:
            answer = self._client.execute_command(  # type: ignore[no-untyped-call]
                "EVALSHA", self._script.sha, len(keys), *keys, *arguments
            )
        except redis.exceptions.NoScriptError:
            answer = self._script(keys, arguments)
        return answer

    def statistics(self) -> dict[str, Taken]:
        """What was taken since Redis began, by class."""
        numbers: Any = self._client.hgetall(f"{self._prefix}taken")
        told: dict[str, dict[str, int]] = {}
        for field, number in numbers.items():
            name, outcome = field.decode().split(":")
            told.setdefault(name, {})[outcome] = int(number)
        return {name: Taken(**outcomes) for name, outcomes in sorted(told.items())}


def _decision(windows: Sequence[tuple[Bucket, AnyWindow]], answer: Sequence[int]) -> Decision:
    states, violated, longest, is_never = [], [], 0, False
    numbers = iter(answer)
    allowed = next(numbers) == 1
    for (bucket, window), remaining, reset, wait in zip(windows, numbers, numbers, numbers, strict=True):
        seconds = window.whole_seconds
        states.append(WindowState(window.name, bucket.key, window.limit, seconds, remaining, reset / _MICROS))
        if wait:
            violated.append(window.name)
            longest, is_never = max(longest, wait), is_never or wait == _NEVER
    return Decision(allowed, tuple(states), inf if is_never else longest / _MICROS, tuple(violated))
