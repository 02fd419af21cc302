"""Why a job stands where it does, as its client is told."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from api.fields import iso
from api.job_document import rounded
from api.job_schema import QueuePlaceSchema
from jobs.explanation import CLASS_WEIGHTS, Explanation, Reason
from jobs.job import JobState, Priority


class ReasonSchema(Schema):
    """One reason; `detail` has the numbers of its message."""

    code = fields.String(required=True, metadata={"description": "Such as `behind-others`; there may be new ones"})
    message = fields.String(required=True)
    detail = fields.Dict(keys=fields.String(), metadata={"description": "Absent where there is none"})


class WeightSchema(Schema):
    """What decides the share of a model: the product of both, beside that of others."""

    priority = fields.Integer(required=True, metadata={"description": "16, 4 or 1"})
    tenant = fields.Float(required=True, metadata={"description": "Usually 1"})


class ExplanationSchema(Schema):
    """Why a job waits, or that it does not."""

    object = fields.Constant("explanation", required=True)
    job_id = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf([state.value for state in JobState]))
    priority = fields.String(required=True, validate=validate.OneOf([priority.value for priority in Priority]))
    reasons = fields.List(
        fields.Nested(ReasonSchema), required=True, metadata={"description": "That which matters most first"}
    )
    queue = fields.Nested(QueuePlaceSchema, metadata={"description": "Only while it waits in the queue"})
    weight = fields.Nested(WeightSchema, metadata={"description": "Only while it is queued"})


def explanation_document(told: Explanation) -> dict[str, Any]:
    """What is not true of the job is left out."""
    job, now = told.job, told.situation
    body: dict[str, Any] = {
        "object": "explanation",
        "job_id": job.id,
        "status": job.state.value,
        "priority": job.priority.value,
        "reasons": [_reason(one) for one in told.reasons],
    }
    if now is None:
        return body
    if now.place is not None:
        place = now.place
        body["queue"] = {
            "position": place.position,
            "tokens_ahead": place.tokens_ahead,
            "eta_s": rounded(place.eta_seconds),
        }
    return body | {"weight": {"priority": CLASS_WEIGHTS[job.priority], "tenant": now.tenant_weight}}


def _reason(reason: Reason) -> dict[str, Any]:
    body: dict[str, Any] = {"code": reason.code, "message": reason.message}
    if reason.detail:
        body["detail"] = {name: _value(name, value) for name, value in reason.detail.items() if value is not None}
    return body


def _value(name: str, value: Any) -> Any:
    return iso(value) if name == "not_before" else value
