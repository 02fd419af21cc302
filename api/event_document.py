"""An event as receivers see it, whether it is sent to them or they fetch it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from api.fields import iso
from api.id_pages import IdPageSchema
from jobs.webhooks.event import Event

_OBJECTS = {"job": "job", "response": "response", "batch": "batch", "endpoint": "webhook_endpoint"}


class EventDataSchema(Schema):
    """What the event is about."""

    id = fields.String(required=True)
    object = fields.String(required=True, metadata={"description": "`job`, `response`, `batch` or `webhook_endpoint`"})
    model = fields.String(metadata={"description": "Of a job, a response, or a batch whose input was valid"})
    status = fields.String(metadata={"description": "How it ended"})
    reason = fields.String(metadata={"description": "Why an endpoint is disabled, or about to be"})


class EventSchema(Schema):
    """Thin: it says what has happened, and the rest is fetched."""

    id = fields.String(required=True, metadata={"description": "The `webhook-id` of its deliveries"})
    object = fields.Constant("event", required=True)
    type = fields.String(required=True)
    created_at = fields.Integer(required=True, metadata={"description": "In Unix seconds"})
    timestamp = fields.String(required=True, metadata={"format": "date-time", "description": "The same instant"})
    data = fields.Nested(EventDataSchema, required=True)


class EventListSchema(IdPageSchema):
    """Events, oldest first."""

    data = fields.List(fields.Nested(EventSchema), required=True)


def event_document(event: Event) -> dict[str, Any]:
    """The envelope of *event*."""
    kind, _, end = event.type.partition(".")
    data = {"id": event.subject, "object": _OBJECTS[kind]}
    if kind in {"job", "response"}:
        data |= {"model": event.detail, "status": end}
    elif kind == "batch":
        data |= {"model": event.detail, "status": end} if event.detail else {"status": end}
    elif kind == "endpoint":
        data["reason"] = event.detail
    return {
        "id": event.id,
        "object": "event",
        "created_at": int(event.created_at),
        "type": event.type,
        "timestamp": iso(event.created_at),
        "data": data,
    }
