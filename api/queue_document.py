"""The queue of a model as clients see it."""

from __future__ import annotations

from typing import Any, get_args

from marshmallow import Schema, fields, validate

from api.fields import iso
from api.job_document import rounded
from jobs.job import Priority
from jobs.model_load import ModelMode
from jobs.queues import ClassStatus, QueueStatus
from models.catalog import ModelLimits
from resilience.circuit.permit import State


class ShareSchema(Schema):
    """The caller's part of the queue."""

    waiting = fields.Integer(required=True)
    ratio = fields.Float(required=True)


class BoundSchema(Schema):
    """Most jobs that may wait, delayed ones among them; null for any number."""

    all = fields.Integer(required=True, allow_none=True, metadata={"description": "Of all tenants"})
    yours = fields.Integer(required=True, allow_none=True, metadata={"description": "Of the caller's"})


class ClassSchema(Schema):
    """The caller's jobs of one priority, and how one more of them would fare."""

    waiting = fields.Integer(required=True)
    tokens = fields.Integer(required=True, metadata={"description": "What those are estimated to cost"})
    position = fields.Integer(required=True, metadata={"description": "Jobs before one submitted now"})
    tokens_ahead = fields.Integer(required=True)
    eta_s = fields.Float(required=True, allow_none=True)


class ClassesSchema(Schema):
    """The caller's part of the queue by priority."""

    interactive = fields.Nested(ClassSchema, required=True)
    standard = fields.Nested(ClassSchema, required=True)
    batch = fields.Nested(ClassSchema, required=True)


class PaceSchema(Schema):
    """How the jobs went that ended last: averages, in which later ones count more."""

    job_s = fields.Float(required=True, metadata={"description": "A job's time on a slot"})
    tokens = fields.Float(
        required=True, allow_none=True, metadata={"description": "What it was estimated to cost when submitted"}
    )


class QueueSchema(Schema):
    """The queue of one model."""

    object = fields.Constant("queue", required=True)
    model = fields.String(required=True)
    mode = fields.String(
        required=True,
        validate=validate.OneOf(get_args(ModelMode)),
        metadata={"description": "`paused`: none of its jobs starts; `draining`: it takes no new ones"},
    )
    mode_since = fields.String(
        metadata={"format": "date-time", "description": "Since when it is paused or draining; absent while it runs"}
    )
    circuit = fields.String(
        required=True,
        validate=validate.OneOf([state.value for state in State]),
        metadata={"description": "`open`: the model fails, none of its jobs starts; `half_open`: a few are tried"},
    )
    depth = fields.Integer(required=True, metadata={"description": "Jobs that wait"})
    delayed = fields.Integer(
        required=True, metadata={"description": "Jobs that wait for their `not_before`; `depth` leaves them out"}
    )
    dispatched = fields.Integer(required=True, metadata={"description": "Jobs on their way to a worker"})
    running = fields.Integer(required=True)
    workers = fields.Integer(required=True, metadata={"description": "Live workers"})
    slots = fields.Integer(required=True, metadata={"description": "Jobs that these run at the same time"})
    oldest_age_s = fields.Float(required=True, allow_none=True, metadata={"description": "Age of the next job"})
    tokens_ahead = fields.Integer(required=True, metadata={"description": "Work before a `standard` job submitted now"})
    eta_s = fields.Float(required=True, allow_none=True, metadata={"description": "When that job would start"})
    pace = fields.Nested(
        PaceSchema, required=True, allow_none=True, metadata={"description": "null while no job has succeeded"}
    )
    share = fields.Nested(ShareSchema, required=True)
    limit = fields.Nested(BoundSchema, required=True)
    classes = fields.Nested(ClassesSchema, required=True)


def queue_document(model: str, queue: QueueStatus, limits: ModelLimits, circuit: State) -> dict[str, Any]:
    """One entry of `GET /v1/queue`. When a job starts whose circuit is not closed nobody can tell."""
    can_tell = circuit is State.CLOSED
    since = {} if queue.mode_since is None else {"mode_since": iso(queue.mode_since)}
    return {
        "object": "queue",
        "model": model,
        "mode": queue.mode,
        **since,
        "circuit": circuit.value,
        "depth": queue.waiting,
        "delayed": queue.delayed,
        "dispatched": queue.dispatched,
        "running": queue.running,
        "workers": queue.workers,
        "slots": queue.slots,
        "oldest_age_s": rounded(queue.oldest_age_seconds),
        "tokens_ahead": queue.tokens_ahead,
        "eta_s": rounded(queue.eta_seconds) if can_tell else None,
        "pace": _pace(queue),
        "share": {
            "waiting": queue.tenant_waiting,
            "ratio": round(queue.tenant_waiting / queue.waiting, 3) if queue.waiting else 0.0,
        },
        "limit": {
            "all": limits.max_waiting,
            "yours": limits.max_waiting_per_tenant if queue.own_bound is None else queue.own_bound,
        },
        "classes": {priority.value: _class(queue.classes[priority], can_tell=can_tell) for priority in Priority},
    }


def _pace(queue: QueueStatus) -> dict[str, Any] | None:
    if queue.pace_seconds is None:
        return None
    return {"job_s": rounded(queue.pace_seconds), "tokens": rounded(queue.usual_cost)}


def _class(status: ClassStatus, *, can_tell: bool) -> dict[str, Any]:
    return {
        "waiting": status.waiting,
        "tokens": status.tokens,
        "position": status.jobs_ahead,
        "tokens_ahead": status.tokens_ahead,
        "eta_s": rounded(status.eta_seconds) if can_tell else None,
    }
