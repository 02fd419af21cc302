"""How the limits of a key are written: an object, `none`, or null for the usual ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from api.fields import Whole
from api.strict_schema import StrictSchema
from jobs.access.key_limits import LARGEST_BURST, MOST_PER_HOUR, MOST_PER_MINUTE, KeyLimits, Limits

_HIGHEST = {
    "requests_per_minute": MOST_PER_MINUTE,
    "requests_per_hour": MOST_PER_HOUR,
    "burst": LARGEST_BURST,
}


def _given(name: str, **others: Any) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"type": "integer"}, **others}}


FORM: dict[str, Any] = {
    "anyOf": [
        {
            "type": "object",
            "properties": {
                name: {"type": ["integer", "null"], "minimum": 1, "maximum": highest}
                for name, highest in _HIGHEST.items()
            },
            "additionalProperties": False,
            "allOf": [
                {"anyOf": [_given("requests_per_minute"), _given("requests_per_hour", burst={"type": "null"})]},
            ],
        },
        {"type": "string", "enum": ["none"]},
        {"type": "null"},
    ],
}
"""In OpenAPI."""


class KeyLimitsSchema(StrictSchema):
    """Each is null where it is as the deployment says."""

    requests_per_minute = Whole(1, MOST_PER_MINUTE, load_default=None, allow_none=True)
    requests_per_hour = Whole(1, MOST_PER_HOUR, load_default=None, allow_none=True)
    burst = Whole(1, LARGEST_BURST, load_default=None, allow_none=True)

    @validates_schema
    def check(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a burst that nothing refills, and what limits nothing."""
        if data["burst"] is not None and data["requests_per_minute"] is None:
            raise ValidationError("Needs requests_per_minute, at which it is refilled.", "burst")
        if not any(data.values()):
            raise ValidationError("Must name a limit; null stands for the usual ones, and none for no limits.")

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> KeyLimits:
        return KeyLimits(**data)


class KeyLimitsField(fields.Field[Limits]):
    """Limits of a key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_none=True, metadata=FORM | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Limits:
        del attr, data
        if value == "none":
            return "none"
        if not isinstance(value, dict):
            raise ValidationError('Must be an object such as {"requests_per_minute": 60}, "none", or null.')
        limits: Limits = KeyLimitsSchema().load(value)
        return limits


def limits_document(limits: Limits | None) -> Any:
    """The same for answers."""
    if limits is None or limits == "none":
        return limits
    return {name: getattr(limits, name) for name in _HIGHEST}
