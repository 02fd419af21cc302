"""An API key as the operator sees it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from api.fields import iso
from api.id_pages import IdPageSchema
from api.key_limits_field import FORM, limits_document
from jobs.access.api_key import ApiKey, Scope


def _instant(description: str, **options: Any) -> fields.String:
    return fields.String(required=True, metadata={"format": "date-time", "description": description}, **options)


class ApiKeySchema(Schema):
    """A key, without its text; members that are not true are null."""

    id = fields.String(required=True)
    object = fields.Constant("api_key", required=True)
    tenant = fields.String(required=True)
    name = fields.String(required=True)
    scopes = fields.List(fields.String(validate=validate.OneOf([scope.value for scope in Scope])), required=True)
    status = fields.String(required=True, validate=validate.OneOf(["live", "expired", "revoked"]))
    created_at = _instant("When it was made")
    expires_at = _instant("Until when it is good, or was", allow_none=True)
    revoked_at = _instant("When it was revoked", allow_none=True)
    last_used_at = _instant("The minute of its last use, told up to a minute later", allow_none=True)
    rotated_from = fields.String(required=True, allow_none=True, metadata={"description": "Its predecessor"})
    rotated_to = fields.String(required=True, allow_none=True, metadata={"description": "Its latest successor"})
    limits = fields.Raw(
        required=True,
        allow_none=True,
        metadata=FORM | {"description": "How often it may ask; null is as all keys, `none` no limits"},
    )


class NewApiKeySchema(ApiKeySchema):
    """The same when it was made just now: the only time that it is shown."""

    key = fields.String(required=True, metadata={"description": "What its holder sends; keep it now"})


class ApiKeyPageSchema(IdPageSchema):
    """Keys."""

    data = fields.List(fields.Nested(ApiKeySchema), required=True)


def key_document(key: ApiKey) -> dict[str, Any]:
    """What may be told of a key: all but its hash."""
    return {
        "id": key.id,
        "object": "api_key",
        "tenant": key.tenant,
        "name": key.name,
        "scopes": [scope.value for scope in Scope if scope in key.scopes],
        "status": key.state,
        "created_at": iso(key.created_at),
        "expires_at": _iso(key.expires_at),
        "revoked_at": _iso(key.revoked_at),
        "last_used_at": _iso(key.last_used_at),
        "rotated_from": key.rotated_from,
        "rotated_to": key.rotated_to,
        "limits": limits_document(key.limits),
    }


def _iso(instant: float | None) -> str | None:
    return None if instant is None else iso(instant)
