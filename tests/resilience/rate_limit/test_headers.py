"""What clients are told, read by parsers that are not ours."""

from __future__ import annotations

from math import inf
from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.rate_limit.decision import Decision, WindowState
from resilience.rate_limit.headers import rate_limit_headers

MINUTE = WindowState("minute", "key:a", 60, 60, 12, 30.2)
HOUR = WindowState("hour", "key:a", 1000, 3600, 940, 2400)
ALLOWED = Decision(allowed=True, states=(MINUTE, HOUR), retry_after_seconds=0, violated=())

names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
seconds = st.floats(0, 10**8)
states = st.builds(
    WindowState, names, st.text(), st.integers(0, 10**9), st.floats(0.001, 10**8), st.integers(0, 10**9), seconds
)
decisions = st.builds(
    Decision,
    allowed=st.booleans(),
    states=st.lists(states, min_size=1, unique_by=lambda one: one.name).map(tuple),
    retry_after_seconds=seconds | st.just(inf),
    violated=st.just(()),
)


def _fields(text: str) -> dict[str, Any]:
    parsed: Any = http_sf.parse(text.encode("ascii"), tltype="list")
    return dict(parsed)


def test_every_window_is_told_with_its_policy() -> None:
    headers = rate_limit_headers(ALLOWED)
    assert headers["RateLimit-Policy"] == '"minute";q=60;w=60, "hour";q=1000;w=3600'
    assert headers["RateLimit"] == '"minute";r=12;t=31, "hour";r=940;t=2400'
    assert "Retry-After" not in headers


def test_openai_s_headers_tell_of_the_window_with_the_least_left() -> None:
    headers = rate_limit_headers(ALLOWED)
    assert {name: text for name, text in headers.items() if name.startswith("x-")} == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "12",
        "x-ratelimit-reset-requests": "30.2s",
    }


@pytest.mark.parametrize(
    ("reset", "text"),
    [(0, "0s"), (0.0001, "1ms"), (0.02, "20ms"), (1, "1s"), (59.9999, "1m0s"), (360, "6m0s"), (7384.5, "2h3m4.5s")],
)
def test_a_reset_is_written_as_openai_writes_it(reset: float, text: str) -> None:
    decision = Decision(True, (WindowState("minute", "k", 60, 60, 12, reset),), 0, ())  # noqa: FBT003
    assert rate_limit_headers(decision)["x-ratelimit-reset-requests"] == text


def test_a_refusal_says_when_to_come_back_and_no_window_is_told_to_last_longer() -> None:
    states = (WindowState("minute", "k", 60, 60, 0, 59.5), HOUR)
    headers = rate_limit_headers(Decision(False, states, 3.1, ("minute",)))  # noqa: FBT003
    assert headers["Retry-After"] == "4"
    assert headers["RateLimit"] == '"minute";r=0;t=4, "hour";r=940;t=4'


def test_who_comes_too_early_by_a_hair_waits_a_second() -> None:
    assert rate_limit_headers(Decision(False, (MINUTE,), 0.000001, ("minute",)))["Retry-After"] == "1"  # noqa: FBT003


def test_nobody_is_told_to_come_back_where_waiting_does_not_help() -> None:
    headers = rate_limit_headers(Decision(False, (MINUTE,), inf, ("minute",)))  # noqa: FBT003
    assert "Retry-After" not in headers
    assert headers["RateLimit"] == '"minute";r=12;t=31'


def test_tokens_are_told_behind_the_windows_of_requests_and_alone() -> None:
    tokens = WindowState("tokens", "tenant", 100_000, 60, 5120, 12)
    assert rate_limit_headers(ALLOWED, tokens)["RateLimit"].endswith(', "tokens";r=5120;t=12')
    assert rate_limit_headers(tokens=tokens) == {
        "RateLimit-Policy": '"tokens";q=100000;w=60',
        "RateLimit": '"tokens";r=5120;t=12',
        "x-ratelimit-limit-tokens": "100000",
        "x-ratelimit-remaining-tokens": "5120",
        "x-ratelimit-reset-tokens": "12s",
    }


def test_where_nothing_is_limited_nothing_is_told() -> None:
    assert rate_limit_headers(Decision(True, (), 0, ())) == {}  # noqa: FBT003


@given(decisions)
def test_the_fields_are_structured_as_rfc_9651_says_whatever_they_tell(decision: Decision) -> None:
    headers = rate_limit_headers(decision)
    policies, limits = _fields(headers["RateLimit-Policy"]), _fields(headers["RateLimit"])
    assert list(policies) == list(limits) == [one.name for one in decision.states]
    for one in decision.states:
        assert policies[one.name]["q"] == one.limit
        assert policies[one.name]["w"] >= 1
        assert limits[one.name]["r"] == one.remaining
        assert 0 <= limits[one.name]["t"] <= one.reset_seconds + 1
    if "Retry-After" in headers:
        assert not decision.allowed
        assert int(headers["Retry-After"]) >= max(1, decision.retry_after_seconds)
        assert all(limit["t"] <= int(headers["Retry-After"]) for limit in limits.values())
