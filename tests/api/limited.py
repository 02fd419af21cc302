"""What answers tell of limits, read by a parser that is not ours."""

from __future__ import annotations

from typing import Any

import http_sf


def policies(answer: Any) -> dict[str, tuple[int, int]]:
    """By the name of each window: how many, in how many seconds."""
    return {name: (told["q"], told["w"]) for name, told in _read(answer, "RateLimit-Policy")}


def remaining(answer: Any) -> dict[str, int]:
    """By the name of each window what is left of it; every answer tells as many as it has policies."""
    told = _read(answer, "RateLimit")
    assert [name for name, _ in told] == list(policies(answer))
    assert all(one["t"] >= 0 for _, one in told)
    return {name: one["r"] for name, one in told}


def is_limited(answer: Any) -> bool:
    """Whether it tells anything at all."""
    told = {name.lower() for name in answer.headers.keys()}  # noqa: SIM118 - an iterator of Werkzeug's has pairs
    ours = {"ratelimit", "ratelimit-policy", *(f"x-ratelimit-{what}-requests" for what in _SIMPLE)}
    assert told & ours in (set(), ours), told
    return bool(told & ours)


_SIMPLE = ("limit", "remaining", "reset")


def _read(answer: Any, header: str) -> list[Any]:
    parsed: Any = http_sf.parse(answer.headers[header].encode("ascii"), tltype="list")
    return list(parsed)
