"""`--limits` of `frontier keys`: `rpm=60,rph=1000,burst=10`, some of them, or one word."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from scripts.job_table import word

NONE, USUAL = "none", "usual"
_NAMES = {"rpm": "requests_per_minute", "rph": "requests_per_hour", "burst": "burst"}
_PART = re.compile(rf"(rpm|rph|burst)=({USUAL}|[1-9][0-9]{{0,8}})")


def limits_after(text: str, before: Any = None) -> Any:
    """What limits become, as the API has them: those that *text* names change, the others stay as they were *before*.

    Raises BadParameter.
    """
    if text in {NONE, USUAL}:
        return None if text == USUAL else NONE
    kept = before if isinstance(before, dict) else {}
    limits = {name: kept.get(name) for name in _NAMES.values()} | _named(text)
    return limits if any(limits.values()) else None


def _named(text: str) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None or _NAMES[match[1]] in found:
            raise typer.BadParameter(f"{text!r} is neither such as rpm=60,rph=1000,burst=10 nor {NONE} nor {USUAL}")
        found[_NAMES[match[1]]] = None if match[2] == USUAL else int(match[2])
    return found


def shown_limits(limits: Any) -> str:
    """The same as it was given; empty for the usual ones."""
    if isinstance(limits, dict):
        return ",".join(f"{short}={limits[name]}" for short, name in _NAMES.items() if limits.get(name))
    return "" if limits is None else word(limits)


def _checked(text: str) -> str:
    limits_after(text)
    return text


_HELP = (
    "How often the key may ask: requests per minute (rpm), per hour (rph) and at once (burst), such as "
    f"rpm=60,rph=1000,burst=10; {NONE}: as often as it likes; {USUAL}: as often as keys without limits of their own. "
    f"An update leaves those that it does not name; rph={USUAL} takes one away."
)

KeyLimitsOption = Annotated[str, typer.Option("--limits", metavar="LIMITS", help=_HELP, callback=_checked)]
