"""`/v1/queue`: how full it is, and what that means for a job submitted now."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from marshmallow import Schema, fields

from api import examples
from api.auth import caller
from api.blueprint import Blueprint
from api.fields import Text
from api.model_gate import ModelGate
from api.model_lookup import find_model
from api.queue_document import QueueSchema, queue_document
from api.strict_schema import QuerySchema
from jobs.access.api_key import Scope
from jobs.store import JobStore
from models.catalog import Catalog


class QueueQuerySchema(QuerySchema):
    model = Text(1, 100, metadata={"description": "Only the queue of this model"})


class QueuesSchema(Schema):
    object = fields.Constant("list", required=True)
    data = fields.List(fields.Nested(QueueSchema), required=True)


def queue_blueprint(*, store: JobStore, catalog: Catalog, gate: ModelGate) -> Blueprint:
    """A look at the queues."""
    blueprint = Blueprint("queue", __name__, url_prefix="/v1/queue", description="How long it will take")

    @blueprint.view("GET", "", scope=Scope.JOBS_READ, operationId="getQueue")
    @blueprint.takes(QueueQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, QueuesSchema, example=examples.QUEUES)
    @blueprint.refuses(
        HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
    )
    def get(query: dict[str, str]) -> dict[str, Any]:
        """Look at the queues.

        One entry per model; the estimates are averages and no promises.
        """
        models = [find_model(catalog, query["model"])] if "model" in query else list(catalog.models.values())
        tenant = caller().tenant
        data = [
            queue_document(model.name, store.queue(model.name, tenant), model.limits, gate.state(model.name))
            for model in models
        ]
        return {"object": "list", "data": data}

    return blueprint
