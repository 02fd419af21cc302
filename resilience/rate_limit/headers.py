"""How a decision is told in HTTP: to every client, as the IETF's draft asks, and as OpenAI's clients know it."""

from __future__ import annotations

import math

from resilience.rate_limit.decision import Decision, WindowState

NO_LIMIT = Decision(allowed=True, states=(), retry_after_seconds=0, violated=())


def rate_limit_headers(decision: Decision = NO_LIMIT, tokens: WindowState | None = None) -> dict[str, str]:
    """The headers of an answer, whether it was allowed or not; none where there was no window.

    ``RateLimit-Policy`` and ``RateLimit`` name every window (draft-ietf-httpapi-ratelimit-headers-11, structured fields
    of RFC 9651), that of `tokens` last. ``x-ratelimit-*-requests`` has room for one: the one with the least left.
    ``Retry-After`` stands where it helps to wait; no window is told to last longer, as the draft asks.
    """
    windows = decision.states if tokens is None else (*decision.states, tokens)
    headers = {}
    if windows:
        policies = (f'"{one.name}";q={one.limit};w={math.ceil(one.seconds) or 1}' for one in windows)
        headers["RateLimit-Policy"] = ", ".join(policies)
        headers["RateLimit"] = ", ".join(_limit(one, decision) for one in windows)
    if decision.states:
        headers |= _simple("requests", min(decision.states, key=lambda one: (one.remaining, -one.reset_seconds)))
    if tokens is not None:
        headers |= _simple("tokens", tokens)
    if not decision.allowed and decision.can_ever_succeed:
        headers["Retry-After"] = str(_retry_after(decision))
    return headers


def _simple(what: str, state: WindowState) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{what}": str(state.limit),
        f"x-ratelimit-remaining-{what}": str(state.remaining),
        f"x-ratelimit-reset-{what}": _duration(state.reset_seconds),
    }


def _limit(state: WindowState, decision: Decision) -> str:
    reset = math.ceil(state.reset_seconds)
    if not decision.allowed and decision.can_ever_succeed:
        reset = min(reset, _retry_after(decision))
    return f'"{state.name}";r={state.remaining};t={reset}'


def _retry_after(decision: Decision) -> int:
    return max(1, math.ceil(decision.retry_after_seconds))


def _duration(seconds: float) -> str:
    """As OpenAI and Go write it, such as 6m0s, 1.5s or 20ms; rounded up."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:g}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
