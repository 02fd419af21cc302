"""A tenant as the operator sees it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from api.id_pages import IdPageSchema
from api.want_of_room import policy_name
from jobs.tenant_limits import TenantLimits
from jobs.tenants import Standing, Tenant


class LimitsSchema(Schema):
    """Limits; null where there is none."""

    tokens_per_minute = fields.Integer(required=True, allow_none=True)
    tokens_per_day = fields.Integer(required=True, allow_none=True)
    concurrent_jobs = fields.Integer(required=True, allow_none=True)
    waiting_jobs = fields.Integer(required=True, allow_none=True)
    weight = fields.Float(required=True, allow_none=True)


class StandingSchema(Schema):
    """How much of a limit is used."""

    policy = fields.String(required=True, metadata={"description": "Such as `tokens-per-minute`"})
    limit = fields.Integer(required=True)
    used = fields.Integer(required=True)
    remaining = fields.Integer(required=True)
    window_s = fields.Integer(required=True, allow_none=True, metadata={"description": "null for jobs"})
    reset_s = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "When none of it is used, unless more is; null for jobs"},
    )


class TenantSchema(Schema):
    """A tenant with its limits."""

    id = fields.String(required=True, metadata={"description": "Its name"})
    object = fields.Constant("tenant", required=True)
    limits = fields.Nested(LimitsSchema, required=True, metadata={"description": "Of its own"})
    defaults = fields.Nested(
        LimitsSchema, required=True, metadata={"description": "What holds where it has none of its own"}
    )
    standing = fields.List(
        fields.Nested(StandingSchema), required=True, metadata={"description": "By what holds, of tokens and jobs"}
    )


class TenantPageSchema(IdPageSchema):
    """Tenants."""

    data = fields.List(fields.Nested(TenantSchema), required=True)


def tenant_document(tenant: Tenant, usual: TenantLimits) -> dict[str, Any]:
    """What is kept of a tenant."""
    return {
        "id": tenant.name,
        "object": "tenant",
        "limits": tenant.limits.as_mapping(),
        "defaults": usual.as_mapping(),
        "standing": [standing_document(one) for one in tenant.standings],
    }


def standing_document(standing: Standing) -> dict[str, Any]:
    """How much of one limit is used."""
    return {
        "policy": policy_name(standing.policy),
        "limit": standing.limit,
        "used": standing.used,
        "remaining": standing.remaining,
        "window_s": standing.window_seconds,
        "reset_s": standing.reset_seconds,
    }
