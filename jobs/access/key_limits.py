"""How often one API key may ask, where that is not what the deployment says for all."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Literal

MOST_PER_MINUTE = 100_000
MOST_PER_HOUR = 1_000_000
LARGEST_BURST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """What is None is as the deployment says; `burst` is how many at once, and needs `requests_per_minute`."""

    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    burst: int | None = None


Limits = KeyLimits | Literal["none"]
"""Of one key; `none` is no limit at all."""


def pack_limits(limits: Limits | None) -> str:
    """As they are stored; empty for what the deployment says."""
    if limits is None:
        return ""
    given = limits if limits == "none" else {name: value for name, value in asdict(limits).items() if value}
    return json.dumps(given, separators=(",", ":"))


def unpack_limits(text: str | None) -> Limits | None:
    """What `pack_limits` has written; what only a newer release knows is passed over."""
    if not text:
        return None
    found = json.loads(text)
    if found == "none":
        return "none"
    return KeyLimits(**{one.name: found.get(one.name) for one in fields(KeyLimits)})
