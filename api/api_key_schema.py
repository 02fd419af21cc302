"""The accepted forms for API keys."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, post_load, validate

from api.choices import Choices
from api.fields import QueryWhole, Text, Whole
from api.key_limits_field import KeyLimitsField
from api.strict_schema import QuerySchema, StrictSchema
from jobs.access.api_key import TENANT_NAME, Scope

YEAR = 365 * 86_400
_TENANT = {"description": "Lower-case letters, digits, `_` and `-`, the first a letter or digit; up to 32"}


class TenantName(fields.String):
    """A tenant's name."""

    def __init__(self, **options: Any) -> None:
        form = validate.Regexp(
            rf"\A{TENANT_NAME.pattern}\Z",
            error="Must be up to 32 of a-z, 0-9, _ and -, of which the first is a letter or digit.",
        )
        super().__init__(validate=form, error_messages={"invalid": "Must be text."}, **options)


class NewKeySchema(StrictSchema):
    """A key to be."""

    tenant = TenantName(required=True, metadata=_TENANT | {"description": f"Whose it is. {_TENANT['description']}"})
    scopes = Choices(
        [scope.value for scope in Scope],
        required=True,
        metadata={"description": "What it may be used for; none implies another"},
    )
    name = Text(0, 200, load_default="", metadata={"description": "For people"})
    expires_in_s = Whole(
        1, 10 * YEAR, load_default=None, allow_none=True, metadata={"description": "Good for so long; null for ever"}
    )

    limits = KeyLimitsField(
        load_default=None,
        metadata={"description": "How often it may ask; null is as all keys, `none` no limits"},
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """As `ApiKeys.make` takes them."""
        scopes = [Scope(scope) for scope in data.pop("scopes")]
        return data | {"scopes": scopes, "lifetime_seconds": data.pop("expires_in_s")}


class KeyChangeSchema(StrictSchema):
    """What is to be otherwise."""

    limits = KeyLimitsField(required=True, metadata={"description": "All of its limits: what is left out is null"})


class KeyRotationSchema(StrictSchema):
    """What becomes of the old key."""

    may_be_absent = True

    overlap_s = Whole(
        0,
        30 * 86_400,
        load_default=86_400,
        metadata={"description": "The old one stays good for so long; 0 ends it at once"},
    )


class KeyQuerySchema(QuerySchema):
    """Filter and page."""

    tenant = TenantName(metadata={"description": "Only keys of this tenant"})
    after = Text(1, 100, metadata={"description": "Go on after this key: `last_id` of the page before"})
    limit = QueryWhole(1, 100, load_default=20)
