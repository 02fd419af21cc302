"""How a caller stands, as it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, fields, validate

from api import tenant_document
from api.job_document import rounded
from api.key_limits_field import FORM, limits_document
from api.limited_requests import is_of_class
from api.rate_class import RateClass
from api.tenant_document import StandingSchema
from jobs.access.key_limits import Limits
from jobs.tenants import Standing
from resilience.rate_limit.decision import Decision, WindowState
from resilience.rate_limit.shared import Taken


class WindowSchema(Schema):
    """One window, under the name that it has in `RateLimit`."""

    name = fields.String(required=True)
    limit = fields.Integer(required=True, metadata={"description": "The most in it"})
    seconds = fields.Float(required=True, metadata={"description": "Its length; of a burst, until it is whole again"})
    remaining = fields.Integer(required=True, metadata={"description": "What can be asked at once"})
    reset_s = fields.Float(required=True, metadata={"description": "Until it is whole, if nobody asks"})


class ClassLimitsSchema(Schema):
    """The windows of one class of calls; none if nothing limits them."""

    rate = fields.String(
        required=True,
        attribute="class",
        data_key="class",
        validate=validate.OneOf([one.value for one in RateClass]),
    )
    windows = fields.List(fields.Nested(WindowSchema), required=True)


class TakenSchema(Schema):
    """Requests of all keys since Redis began."""

    allowed = fields.Integer(required=True)
    refused = fields.Integer(required=True)


class KeyStandingSchema(Schema):
    """How the key at hand stands, and its tenant."""

    object = fields.Constant("limits", required=True)
    key_id = fields.String(required=True)
    limits = fields.Raw(
        required=True, allow_none=True, metadata=FORM | {"description": "The key's own; null for what all keys may"}
    )
    is_local = fields.Boolean(
        required=True, metadata={"description": "Redis is away: this is what one process lets in by itself"}
    )
    classes = fields.List(fields.Nested(ClassLimitsSchema), required=True)
    tenant = fields.List(
        fields.Nested(StandingSchema),
        required=True,
        allow_none=True,
        metadata={"description": "How its tenant stands by limits on tokens and jobs; null while Redis is away"},
    )
    statistics = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(TakenSchema),
        required=True,
        allow_none=True,
        metadata={"description": "By class, and `address` for calls without a valid key; null without the scope admin"},
    )


def standing_document(
    key_id: str,
    own: Limits | None,
    decision: Decision | None,
    tenant: Sequence[Standing] | None,
    statistics: Mapping[str, Taken] | None,
) -> dict[str, Any]:
    """What `GET /v1/limits` answers."""
    states = decision.states if decision else ()
    return {
        "object": "limits",
        "key_id": key_id,
        "limits": limits_document(own),
        "is_local": decision is not None and decision.is_local,
        "classes": [
            {"class": rate.value, "windows": [_window(state) for state in states if is_of_class(state, rate)]}
            for rate in RateClass
        ],
        "tenant": None if tenant is None else [tenant_document.standing_document(one) for one in tenant],
        "statistics": statistics
        and {name: {"allowed": one.allowed, "refused": one.refused} for name, one in sorted(statistics.items())},
    }


def _window(state: WindowState) -> dict[str, Any]:
    return {
        "name": state.name,
        "limit": state.limit,
        "seconds": rounded(state.seconds),
        "remaining": state.remaining,
        "reset_s": rounded(state.reset_seconds),
    }
