"""How far it has got with the webhook that a job came with."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from api.fields import iso
from jobs.job import Job
from jobs.webhooks.delivery import DeliveryStatus

WAITING, NOT_SUBSCRIBED, FORGOTTEN = "waiting", "not_subscribed", "forgotten"


class JobWebhookSchema(Schema):
    """Of the job's own webhook; `GET /v1/jobs/{id}/deliveries` has more, and what endpoints were told."""

    url = fields.String(required=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf([WAITING, *(status.value for status in DeliveryStatus), NOT_SUBSCRIBED, FORGOTTEN]),
        metadata={
            "description": "`waiting` for the end of the job, then what its delivery is; `not_subscribed` if this end "
            "was not to be told, `forgotten` if the log no longer goes back so far"
        },
    )
    attempts = fields.Integer(required=True)
    last_attempt_at = fields.String(metadata={"format": "date-time"})


def webhook_document(job: Job) -> dict[str, Any] | None:
    """The member `webhook` of the job object; None for a job that came without one."""
    if job.webhook is None:
        return None
    body: dict[str, Any] = {"url": job.webhook.url, "status": _status(job), "attempts": 0}
    if job.delivery is not None:
        body["attempts"] = job.delivery.attempt_count
        if job.delivery.last_attempt_at is not None:
            body["last_attempt_at"] = iso(job.delivery.last_attempt_at)
    return body


def _status(job: Job) -> str:
    if not job.is_final:
        return WAITING
    if job.delivery is not None:
        return job.delivery.status.value
    told = f"job.{job.state.value}" in (job.webhook.events if job.webhook else ())
    return FORGOTTEN if told else NOT_SUBSCRIBED
