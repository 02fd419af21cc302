"""The answer of `POST /v1/infer`."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from api.job_document import timing_document, usage_document
from api.job_schema import TimingSchema, UsageSchema
from jobs.job import Job


class InferenceSchema(Schema):
    """A completion."""

    id = fields.String(required=True, metadata={"description": "The job that made it"})
    model = fields.String(required=True)
    text = fields.String(required=True)
    finish_reason = fields.String(required=True, allow_none=True)
    usage = fields.Nested(UsageSchema, required=True)
    timing = fields.Nested(TimingSchema, required=True)
    cached = fields.Boolean(metadata={"description": "True if it is the kept result of the same request"})


def infer_document(job: Job) -> dict[str, Any]:
    """What a job that has succeeded made of a prompt."""
    return {
        "id": job.id,
        "model": job.request.model,
        "text": job.text or "",
        "finish_reason": job.finish_reason,
        "usage": usage_document(job),
        "timing": timing_document(job),
        **({"cached": True} if job.is_cached else {}),
    }
