"""`/v1/circuits`: what is left alone because it fails, and the operator's word on it."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import MethodNotAllowed

from api import circuit_examples, examples
from api.auth import caller
from api.circuit_document import (
    AuditedCircuitSchema,
    CircuitForceSchema,
    CircuitsSchema,
    audited_document,
    circuit_document,
)
from api.circuit_sources import AllCircuits
from api.errors import UnknownCircuit
from api.openapi import Blueprint
from jobs.access.api_key import Scope
from resilience.circuit.permit import State

log = logging.getLogger(__name__)

FORCE = "/force"


def circuits_blueprint(circuits: AllCircuits) -> Blueprint:
    """A look at circuits; names in their keys may hold slashes."""
    description = "What is left alone because it fails"
    blueprint = Blueprint("circuits", __name__, url_prefix="/v1/circuits", description=description)

    @blueprint.view("GET", "", scope=Scope.JOBS_READ, operationId="listCircuits")
    @blueprint.answers(HTTPStatus.OK, CircuitsSchema, example=circuit_examples.CIRCUITS)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_circuits() -> dict[str, Any]:
        """List the circuits.

        One for each model. While one is `open`, new jobs of its model are 503 `circuit-open`, and those that wait go
        on waiting; while it is `half_open` a few are tried.
        """
        return {"object": "list", "data": [circuit_document(state) for state in circuits.states(caller().tenant)]}

    @blueprint.view("GET", "/<path:key>", scope=Scope.ADMIN, operationId="getCircuit")
    @blueprint.answers(HTTPStatus.OK, AuditedCircuitSchema, example=circuit_examples.CIRCUIT)
    @blueprint.refuses(*examples.JOB_REFUSALS)
    def get(key: str) -> dict[str, Any]:
        """Look at a circuit.

        Also at what operators have done to it: the last 50 times.
        """
        if key.endswith(FORCE) and is_known(key.removesuffix(FORCE)):
            raise MethodNotAllowed(["POST", "OPTIONS"])
        return document(key)

    @blueprint.view("POST", f"/<path:key>{FORCE}", scope=Scope.ADMIN, operationId="forceCircuit")
    @blueprint.takes(CircuitForceSchema, example=circuit_examples.FORCE)
    @blueprint.answers(HTTPStatus.OK, AuditedCircuitSchema, example=circuit_examples.FORCED)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND)
    def force(given: dict[str, Any], key: str) -> dict[str, Any]:
        """Force a circuit.

        `open` holds it open and `closed` holds it closed, whatever happens, until somebody lets go of it with null;
        then it begins anew, closed. Every process knows within a second.
        """
        state = None if given["state"] is None else State(given["state"])
        circuits.force(key, caller().tenant, state, caller().key_id)
        log.info("circuit_forced", extra={"circuit": key, "state": given["state"], "key_id": caller().key_id})
        return document(key)

    def document(key: str) -> dict[str, Any]:
        return audited_document(circuits.state(key, caller().tenant), circuits.audit(key, caller().tenant))

    def is_known(key: str) -> bool:
        try:
            circuits.state(key, caller().tenant)
        except UnknownCircuit:
            return False
        return True

    return blueprint
