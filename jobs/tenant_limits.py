"""What a tenant may have, of its own or as every tenant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

WEIGHTS = (0.25, 0.5, 1, 2, 4, 8, 16)
"""Powers of two: with them the virtual times of scheduling are exact."""

MOST = 10**12
"""Of any limit: sums of such are exact everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantLimits:
    """None is for no limit of its own.

    Tokens are prompt and completion together. `concurrent_jobs` are those that are not final, `waiting_jobs` those that
    wait for one model. `weight` is the tenant's part of a model beside that of others, of whom each has 1.
    """

    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None
    concurrent_jobs: int | None = None
    waiting_jobs: int | None = None
    weight: float | None = None

    @classmethod
    def of(cls, kept: Mapping[bytes, bytes]) -> Self:
        """Out of the hash that keeps them."""
        told: dict[str, Any] = {name.decode(): float(value) for name, value in kept.items()}
        whole = {name: int(value) for name, value in told.items() if name != "weight"}
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in (told | whole).items() if name in known})

    def as_mapping(self) -> dict[str, int | float | None]:
        """By name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def given(self) -> dict[str, int | float]:
        """Those that there are."""
        return {name: value for name, value in self.as_mapping().items() if value is not None}

    def packed(self) -> str:
        """For the moves: JSON, or nothing for none."""
        given = self.given()
        return json.dumps(given, separators=(",", ":")) if given else ""


NO_LIMITS = TenantLimits()
