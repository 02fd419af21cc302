"""`/v1/queue`: how full it is, and what that means for a job submitted now."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from marshmallow import RAISE, Schema, fields

from api import examples
from api.auth import TENANT
from api.fields import Text
from api.job_document import rounded
from api.model_lookup import find_model
from api.openapi import Blueprint
from jobs.queues import QueueStatus
from jobs.store import JobStore
from models.catalog import Catalog


class QueueQuerySchema(Schema):
    class Meta:  # noqa: D106 - marshmallow's own declaration
        unknown = RAISE

    error_messages = {"unknown": "Unknown parameter."}  # noqa: RUF012 - marshmallow's own declaration

    model = Text(1, 100, metadata={"description": "Only the queue of this model"})


class ShareSchema(Schema):
    """The caller's part of the queue."""

    waiting = fields.Integer(required=True)
    ratio = fields.Float(required=True)


class QueueSchema(Schema):
    """The queue of one model."""

    object = fields.Constant("queue", required=True)
    model = fields.String(required=True)
    depth = fields.Integer(required=True, metadata={"description": "Jobs that wait"})
    dispatched = fields.Integer(required=True, metadata={"description": "Jobs on their way to a worker"})
    running = fields.Integer(required=True)
    workers = fields.Integer(required=True, metadata={"description": "Live workers"})
    slots = fields.Integer(required=True, metadata={"description": "Jobs that these run at the same time"})
    oldest_age_s = fields.Float(required=True, allow_none=True, metadata={"description": "Age of the next job"})
    tokens_ahead = fields.Integer(required=True, metadata={"description": "Work before a job submitted now"})
    eta_s = fields.Float(required=True, allow_none=True, metadata={"description": "When that job would start"})
    share = fields.Nested(ShareSchema, required=True)


class QueuesSchema(Schema):
    object = fields.Constant("list", required=True)
    data = fields.List(fields.Nested(QueueSchema), required=True)


def queue_blueprint(*, store: JobStore, catalog: Catalog) -> Blueprint:
    """A look at the queues."""
    blueprint = Blueprint("queue", __name__, url_prefix="/v1/queue", description="How long it will take")

    @blueprint.view("GET", "", operationId="getQueue")
    @blueprint.takes(QueueQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, QueuesSchema, example=examples.QUEUES)
    @blueprint.refuses(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
    )
    def get(query: dict[str, str]) -> dict[str, Any]:
        """Look at the queues.

        One entry per model; the estimates are averages and no promises.
        """
        names = [find_model(catalog, query["model"]).name] if "model" in query else list(catalog.models)
        return {"object": "list", "data": [_document(name, store.queue(name, TENANT)) for name in names]}

    return blueprint


def _document(model: str, queue: QueueStatus) -> dict[str, Any]:
    return {
        "object": "queue",
        "model": model,
        "depth": queue.waiting,
        "dispatched": queue.dispatched,
        "running": queue.running,
        "workers": queue.workers,
        "slots": queue.slots,
        "oldest_age_s": rounded(queue.oldest_age_seconds),
        "tokens_ahead": queue.tokens_ahead,
        "eta_s": rounded(queue.eta_seconds),
        "share": {
            "waiting": queue.tenant_waiting,
            "ratio": round(queue.tenant_waiting / queue.waiting, 3) if queue.waiting else 0.0,
        },
    }
