"""`/v1/models/{name}/pause`, `/resume` and `/drain`: has a model stand still, go on, or run dry."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from api import examples
from api.auth import caller
from api.blueprint import Blueprint, View
from api.model_gate import ModelGate
from api.model_lookup import find_model
from api.queue_document import QueueSchema, queue_document
from jobs.access.api_key import Scope
from jobs.model_load import ModelMode
from jobs.store import JobStore
from models.catalog import Catalog
from tasks.dispatch import Dispatcher

log = logging.getLogger(__name__)


def add_mode_views(
    blueprint: Blueprint, *, store: JobStore, dispatcher: Dispatcher, catalog: Catalog, gate: ModelGate
) -> None:
    """Add the views that change a model's mode."""

    def answers(view: View) -> View:
        refusing = blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
        return blueprint.answers(HTTPStatus.OK, QueueSchema, example=examples.QUEUES["data"][0])(refusing(view))

    def set_mode(name: str, mode: ModelMode) -> dict[str, Any]:
        config = find_model(catalog, name)
        model = config.name
        store.set_mode(model, mode)
        log.info("model_mode_set", extra={"model": model, "mode": mode})
        dispatcher.dispatch(model)
        return queue_document(model, store.queue(model, caller().tenant), config.limits, gate.state(model))

    @blueprint.view("POST", "/<path:name>/pause", scope=Scope.ADMIN, operationId="pauseModel")
    @answers
    def pause(name: str) -> dict[str, Any]:
        """Pause a model.

        None of its jobs starts from now on. Running ones go on, new ones are accepted, deadlines hold.
        """
        return set_mode(name, "paused")

    @blueprint.view("POST", "/<path:name>/drain", scope=Scope.ADMIN, operationId="drainModel")
    @answers
    def drain(name: str) -> dict[str, Any]:
        """Drain a model.

        It takes no new jobs, which is 503 `model-draining`, and works off those that it has.
        """
        return set_mode(name, "draining")

    @blueprint.view("POST", "/<path:name>/resume", scope=Scope.ADMIN, operationId="resumeModel")
    @answers
    def resume(name: str) -> dict[str, Any]:
        """Resume a model.

        It runs as usual, after a pause or a drain. What came meanwhile starts in its order.
        """
        return set_mode(name, "running")
