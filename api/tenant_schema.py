"""The accepted form of a tenant's limits."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load
from werkzeug.exceptions import NotFound

from api.fields import Number, QueryWhole, Text, Whole
from api.strict_schema import QuerySchema, StrictSchema
from jobs.access.api_key import TENANT_NAME
from jobs.tenant_limits import MOST, WEIGHTS, TenantLimits

_WEIGHTS = ", ".join(f"{weight:g}" for weight in WEIGHTS)


def limit(description: str) -> fields.Integer:
    """A limit that may be absent."""
    return Whole(0, MOST, load_default=None, allow_none=True, metadata={"description": description})


class Weight(Number):
    """A power of two."""

    def _deserialize(self, value: Any, *rest: Any, **options: Any) -> float:
        weight = super()._deserialize(value, *rest, **options)
        if weight not in WEIGHTS:
            raise ValidationError(f"Must be one of {_WEIGHTS}.")
        return weight


class TenantLimitsSchema(StrictSchema):
    """All limits of a tenant's own; what is absent or null is as for every tenant."""

    tokens_per_minute = limit("Prompt and completion of all its jobs together")
    tokens_per_day = limit("The same")
    concurrent_jobs = limit("Its jobs that are not final")
    waiting_jobs = limit("Its jobs that wait for one model")
    weight = Weight(
        WEIGHTS[0],
        WEIGHTS[-1],
        load_default=None,
        allow_none=True,
        metadata={"enum": [*WEIGHTS, None], "description": "Its part of a model beside others, who have 1 each"},
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> TenantLimits:
        """As `TenantStore.set_limits` takes them."""
        return TenantLimits(**data)


class TenantQuerySchema(QuerySchema):
    """Which page."""

    after = Text(1, 100, metadata={"description": "Go on after this tenant: `last_id` of the page before"})
    limit = QueryWhole(1, 100, load_default=20)


def checked_tenant(name: str) -> str:
    """The name, if it could be one; else there is nothing at its address."""
    if not TENANT_NAME.fullmatch(name):
        raise NotFound
    return name
