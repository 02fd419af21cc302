"""`/health`: for people, for process supervisors and for load balancers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from marshmallow import Schema, fields, validate

from api import examples
from api.auth import OPERATOR_TENANT
from api.blueprint import NO_KEY, Blueprint
from api.model_gate import ModelGate
from jobs.errors import StoreUnavailable
from jobs.store import JobStore
from models.catalog import Catalog
from resilience.circuit.permit import State

Answer = tuple[dict[str, Any], HTTPStatus]


class ModelHealthSchema(Schema):
    workers = fields.Integer(required=True)
    slots = fields.Integer(required=True)
    waiting = fields.Integer(required=True)
    running = fields.Integer(required=True)
    circuit = fields.String(required=True, validate=validate.OneOf([state.value for state in State]))


class HealthSchema(Schema):
    """`degraded` while a model has no live worker, or fails and its circuit is open; `unavailable` without Redis."""

    status = fields.String(required=True, validate=validate.OneOf(["ok", "degraded", "unavailable"]))
    redis = fields.String(required=True, validate=validate.OneOf(["ok", "unavailable"]))
    models = fields.Dict(keys=fields.String(), values=fields.Nested(ModelHealthSchema), required=True)


class ReadinessSchema(Schema):
    ready = fields.Boolean(required=True)
    redis = fields.String(required=True, validate=validate.OneOf(["ok", "unavailable"]))
    models = fields.Dict(
        keys=fields.String(),
        values=fields.Boolean(),
        required=True,
        metadata={"description": "Whether the model has a live worker"},
    )


class LivenessSchema(Schema):
    status = fields.Constant("ok", required=True)


def health_blueprint(*, store: JobStore, catalog: Catalog, gate: ModelGate) -> Blueprint:
    """Open to everybody: nothing here tells of jobs or of clients."""
    blueprint = Blueprint("health", __name__, url_prefix="/health", description="Whether the system is well")

    @blueprint.view("GET", "", scope=NO_KEY, operationId="getHealth")
    @blueprint.answers(HTTPStatus.OK, HealthSchema, example=examples.HEALTH)
    @blueprint.also_answers(HTTPStatus.SERVICE_UNAVAILABLE, HealthSchema, description="Redis does not answer")
    def health() -> Answer:
        """See how the system is.

        `degraded` while a model has no worker: its jobs are accepted, and wait. Also while a model fails and is left
        alone: its jobs wait, and new ones are refused.
        """
        try:
            models = look()
        except StoreUnavailable:
            return {"status": "unavailable", "redis": "unavailable", "models": {}}, HTTPStatus.SERVICE_UNAVAILABLE
        is_served = all(model["workers"] and model["circuit"] != State.OPEN for model in models.values())
        return {"status": "ok" if is_served else "degraded", "redis": "ok", "models": models}, HTTPStatus.OK

    @blueprint.view("GET", "/live", scope=NO_KEY, operationId="getLiveness")
    @blueprint.answers(HTTPStatus.OK, LivenessSchema, example={"status": "ok"})
    def live() -> dict[str, str]:
        """Tell that the process answers.

        It looks at nothing else: for who restarts what hangs.
        """
        return {"status": "ok"}

    @blueprint.view("GET", "/ready", scope=NO_KEY, operationId="getReadiness")
    @blueprint.answers(HTTPStatus.OK, ReadinessSchema, example=examples.READINESS)
    @blueprint.also_answers(HTTPStatus.SERVICE_UNAVAILABLE, ReadinessSchema, description="Redis does not answer")
    def ready() -> Answer:
        """Tell whether jobs can be accepted.

        For load balancers. `models` says which have a live worker.
        """
        try:
            served = {name: bool(model["workers"]) for name, model in look().items()}
        except StoreUnavailable:
            return {"ready": False, "redis": "unavailable", "models": {}}, HTTPStatus.SERVICE_UNAVAILABLE
        return {"ready": True, "redis": "ok", "models": served}, HTTPStatus.OK

    def look() -> dict[str, dict[str, Any]]:
        store.ping()
        queues = {name: store.queue(name, OPERATOR_TENANT) for name in catalog.models}
        return {
            name: {
                "workers": queue.workers,
                "slots": queue.slots,
                "waiting": queue.waiting + queue.dispatched,
                "running": queue.running,
                "circuit": gate.state(name).value,
            }
            for name, queue in queues.items()
        }

    return blueprint
