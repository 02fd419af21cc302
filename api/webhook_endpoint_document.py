"""A standing endpoint as clients see it, in the form of OpenAI's, with members of our own."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from api.id_pages import IdPageSchema
from jobs.signature import Secret
from jobs.webhooks.endpoint import CircuitState, Endpoint, EndpointState


def _unix(description: str, **options: Any) -> fields.Integer:
    return fields.Integer(metadata={"description": f"{description}, in Unix seconds"}, **options)


class EndpointSchema(Schema):
    """A receiver of events; members that are not true are null."""

    id = fields.String(required=True)
    object = fields.Constant("webhook_endpoint", required=True)
    name = fields.String(required=True)
    url = fields.String(required=True)
    event_types = fields.List(fields.String(), required=True)
    created_at = _unix("When it was made", required=True)
    updated_at = _unix("When it, or its secret, was last changed", required=True)
    signing_secret_hint = fields.String(
        required=True, allow_none=True, metadata={"description": "Enough to tell one secret from another"}
    )
    state = fields.String(
        required=True,
        validate=validate.OneOf([state.value for state in EndpointState]),
        metadata={"description": "`paused` ends by itself: too much waited, and what came since follows as it drains"},
    )
    disabled_reason = fields.String(
        required=True, allow_none=True, metadata={"description": "`asked`, `gone` (it answered 410) or `failing`"}
    )
    disabled_at = _unix("When it was disabled", required=True, allow_none=True)
    failing_since = _unix(
        "When the first failed of the attempts since the last success", required=True, allow_none=True
    )
    circuit = fields.String(
        required=True,
        validate=validate.OneOf([state.value for state in CircuitState]),
        metadata={"description": "While it is `open` nothing is sent but tests; `half_open`, one attempt at a time"},
    )
    waiting = fields.Integer(required=True, metadata={"description": "Deliveries that are not over"})


class EndpointWithSecretSchema(EndpointSchema):
    """The same when its secret was made just now: the only time that it is shown."""

    signing_secret = fields.String(required=True, metadata={"description": "`whsec_` and base64; keep it now"})


class EndpointListSchema(IdPageSchema):
    """Endpoints."""

    data = fields.List(fields.Nested(EndpointSchema), required=True)


class DeletedEndpointSchema(Schema):
    """What is left of an endpoint."""

    id = fields.String(required=True)
    object = fields.Constant("webhook_endpoint.deleted", required=True)
    deleted = fields.Boolean(required=True)


class EventTypesSchema(Schema):
    """Names for `event_types`."""

    object = fields.Constant("list", required=True)
    data = fields.List(fields.String(), required=True)


class EndpointTestResultSchema(Schema):
    """What the endpoint answered; a test without an answer is a problem."""

    object = fields.Constant("webhook_endpoint.test", required=True)
    webhook_endpoint_id = fields.String(required=True)
    event_type = fields.String(required=True)
    success = fields.Constant(
        constant=True,
        required=True,
        metadata={"description": "An answer came; `status_code` says which"},
    )
    status_code = fields.Integer(required=True)
    delivery_id = fields.String(required=True)
    error = fields.String(
        required=True, allow_none=True, metadata={"description": "`status` if the answer accepts nothing"}
    )


def endpoint_document(endpoint: Endpoint, hint: str | None) -> dict[str, Any]:
    """The endpoint, with the hint of its secret."""
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "name": endpoint.name,
        "url": endpoint.url,
        "event_types": list(endpoint.event_types),
        "created_at": int(endpoint.created_at),
        "updated_at": int(endpoint.updated_at),
        "signing_secret_hint": hint,
        "state": endpoint.state.value,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_at": _whole(endpoint.disabled_at),
        "failing_since": _whole(endpoint.failing_since),
        "circuit": endpoint.circuit.value,
        "waiting": endpoint.waiting,
    }


def endpoint_with_secret(endpoint: Endpoint, secret: Secret) -> dict[str, Any]:
    """The endpoint, with the secret that was just made for it."""
    return endpoint_document(endpoint, secret.hint) | {"signing_secret": secret.text}


def _whole(instant: float | None) -> int | None:
    return None if instant is None else int(instant)
