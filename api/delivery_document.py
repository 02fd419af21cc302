"""A delivery as clients see it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from api.fields import iso
from api.id_pages import IdPageSchema
from jobs.webhooks.delivery import Delivery, DeliveryAttempt, DeliveryStatus

STATUSES = [status.value for status in DeliveryStatus]


def _instant(description: str, **options: Any) -> fields.String:
    return fields.String(metadata={"format": "date-time", "description": description}, **options)


class DeliveryAttemptSchema(Schema):
    """One try."""

    number = fields.Integer(required=True)
    at = _instant("When it began", required=True)
    duration_s = fields.Float(required=True)
    status_code = fields.Integer(metadata={"description": "The receiver's; absent if no answer came"})
    error = fields.String(
        metadata={
            "description": "`dns`, `url_not_allowed`, `connect`, `tls`, `timeout`, `protocol`, `status` or `internal`; "
            "absent if the receiver accepted"
        }
    )
    snippet = fields.String(metadata={"description": "The beginning of the answer, escaped"})


class DeliveryLinksSchema(Schema):
    self = fields.String(required=True)
    replay = fields.String(required=True)
    job = fields.String()


class DeliverySchema(Schema):
    """One event on its way to one receiver; members that are not known yet are absent."""

    id = fields.String(required=True)
    object = fields.Constant("delivery", required=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf(STATUSES),
        metadata={"description": "A `failed` one is a dead letter until it is replayed"},
    )
    event_id = fields.String(required=True)
    event_type = fields.String(required=True)
    subject_id = fields.String(required=True, metadata={"description": "The job or endpoint that the event is about"})
    endpoint_id = fields.String(metadata={"description": "Absent for the webhook that a job came with"})
    url = fields.String(required=True)
    is_test = fields.Boolean(required=True)
    created_at = _instant("When the event happened", required=True)
    attempt_count = fields.Integer(required=True)
    next_attempt_at = _instant("When it is tried next")
    last_attempt_at = _instant("When it was tried last")
    finished_at = _instant("When it ended")
    ended_as = fields.String(
        metadata={
            "description": "What ended it without an attempt: `endpoint_disabled`, `endpoint_deleted`, `job_erased`, "
            "`backlog_full`, `too_old` or `sender_lost`"
        }
    )
    links = fields.Nested(DeliveryLinksSchema, required=True)


class DeliveryDetailSchema(DeliverySchema):
    """The same with its attempts, oldest first."""

    attempts = fields.List(fields.Nested(DeliveryAttemptSchema), required=True)


class DeliveryListSchema(Schema):
    """All of them."""

    object = fields.Constant("list", required=True)
    data = fields.List(fields.Nested(DeliverySchema), required=True)


class DeliveryPageSchema(IdPageSchema):
    """Deliveries, newest first."""

    data = fields.List(fields.Nested(DeliverySchema), required=True)


class ReplaySchema(Schema):
    """How many go again; go on with `next_cursor` until it is null."""

    object = fields.Constant("replay", required=True)
    replayed = fields.Integer(required=True)
    next_cursor = fields.String(required=True, allow_none=True)


def delivery_document(delivery: Delivery) -> dict[str, Any]:
    """The delivery without its attempts; what is not known is left out."""
    address = f"/v1/deliveries/{delivery.id}"
    links = {"self": address, "replay": f"{address}/replay"}
    if delivery.subject.startswith("job_"):
        links["job"] = f"/v1/jobs/{delivery.subject}"
    return _known(
        {
            "id": delivery.id,
            "object": "delivery",
            "status": delivery.status.value,
            "event_id": delivery.event_id,
            "event_type": delivery.event_type,
            "subject_id": delivery.subject,
            "endpoint_id": delivery.endpoint_id,
            "url": delivery.url,
            "is_test": delivery.is_test,
            "created_at": iso(delivery.created_at),
            "attempt_count": delivery.attempt_count,
            "next_attempt_at": _iso(delivery.next_attempt_at),
            "last_attempt_at": _iso(delivery.last_attempt_at),
            "finished_at": _iso(delivery.finished_at),
            "ended_as": delivery.ended_as,
            "links": links,
        }
    )


def delivery_with_attempts(delivery: Delivery) -> dict[str, Any]:
    """The delivery with all that is known of its attempts."""
    return delivery_document(delivery) | {"attempts": [_attempt(attempt) for attempt in delivery.attempts]}


def _attempt(attempt: DeliveryAttempt) -> dict[str, Any]:
    return _known(
        {
            "number": attempt.number,
            "at": iso(attempt.at),
            "duration_s": round(attempt.seconds, 3),
            "status_code": attempt.status,
            "error": attempt.error,
            "snippet": attempt.snippet or None,
        }
    )


def _iso(instant: float | None) -> str | None:
    return None if instant is None else iso(instant)


def _known(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
