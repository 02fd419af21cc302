"""Whether a job may get the result of an earlier one that asked for the same, as every interface asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from marshmallow import fields, validate

from api.fields import Number
from resilience.result_cache.settings import LONGEST_SECONDS

CACHE_FIELDS = ("cache", "cache_ttl_s")


class CacheUse(StrEnum):
    """The values are those on the wire.

    `use` takes a known result, and keeps a new one; `refresh` only keeps; `bypass` does neither.
    """

    USE = "use"
    BYPASS = "bypass"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCache:
    """What a request says of it; the deployment's own time to live where it says none."""

    use: CacheUse = CacheUse.USE
    ttl_seconds: float | None = None


USUAL = AskedCache()


class CacheField(fields.String):
    """One of the uses; *before* stands before the description."""

    def __init__(self, before: str = "") -> None:
        super().__init__(
            validate=validate.OneOf([use.value for use in CacheUse], error="Must be one of {choices}."),
            error_messages={"invalid": f"Must be one of {', '.join(use.value for use in CacheUse)}."},
            metadata={
                "description": f"{before}`use`, the default, takes the kept result of the same request where there is "
                "one, `refresh` has it made anew and kept, `bypass` neither takes nor keeps one"
            },
        )


class CacheTtlField(Number):
    """How long the result is kept; *before* stands before the description."""

    def __init__(self, before: str = "") -> None:
        super().__init__(
            1,
            LONGEST_SECONDS,
            metadata={
                "description": f"{before}how long the result is kept for the same request, and no longer than the job"
            },
        )


def asked_cache(data: Mapping[str, Any]) -> AskedCache:
    """What the fields `cache` and `cache_ttl_s` hold."""
    return AskedCache(use=CacheUse(data.get("cache") or CacheUse.USE), ttl_seconds=data.get("cache_ttl_s"))
