"""`/v1/circuits`: what is left alone because it fails, and the operator's word on it."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import MethodNotAllowed

from api import circuit_examples, examples
from api.auth import caller, require_scope
from api.blueprint import Blueprint
from api.circuit_document import (
    AuditedCircuitSchema,
    CircuitForceSchema,
    CircuitQuerySchema,
    CircuitsSchema,
    audited_document,
    circuit_document,
)
from api.circuit_sources import AllCircuits
from api.errors import UnknownCircuit
from jobs.access.api_key import Scope
from resilience.circuit.permit import State

log = logging.getLogger(__name__)

FORCE = "/force"


def circuits_blueprint(circuits: AllCircuits) -> Blueprint:
    """A look at circuits; names in their keys may hold slashes."""
    description = "What is left alone because it fails"
    blueprint = Blueprint("circuits", __name__, url_prefix="/v1/circuits", description=description)

    @blueprint.view("GET", "", scope=Scope.JOBS_READ, operationId="listCircuits")
    @blueprint.takes(CircuitQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, CircuitsSchema, example=circuit_examples.CIRCUITS)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    def list_circuits(query: dict[str, Any]) -> dict[str, Any]:
        """List the circuits.

        `model:NAME` for each model: while it is `open`, new jobs of that model are 503 `circuit-open`, and those that
        wait go on waiting; while it is `half_open` a few are tried. `endpoint:ID` for each of your standing endpoints,
        and `origin:URL` for the hosts and ports of your jobs' own webhooks, the 100 used last: while one is `open`
        nothing is sent there, and what is to be sent waits.
        """
        return {"object": "list", "data": [circuit_document(state) for state in circuits.states(owner(query))]}

    @blueprint.view("GET", "/<path:key>", scope=Scope.ADMIN, operationId="getCircuit")
    @blueprint.takes(CircuitQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, AuditedCircuitSchema, example=circuit_examples.CIRCUIT)
    @blueprint.refuses(*examples.JOB_REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY)
    def get(query: dict[str, Any], key: str) -> dict[str, Any]:
        """Look at a circuit.

        Also at what operators have done to it: the last 50 times.
        """
        tenant = owner(query)
        if key.endswith(FORCE) and is_known(key.removesuffix(FORCE), tenant):
            raise MethodNotAllowed(["POST", "OPTIONS"])
        return document(key, tenant)

    @blueprint.view("POST", f"/<path:key>{FORCE}", scope=Scope.ADMIN, operationId="forceCircuit")
    @blueprint.takes(CircuitForceSchema, example=circuit_examples.FORCE)
    @blueprint.takes(CircuitQuerySchema, location="query")
    @blueprint.answers(HTTPStatus.OK, AuditedCircuitSchema, example=circuit_examples.FORCED)
    @blueprint.refuses(*examples.BODY_REFUSALS, HTTPStatus.NOT_FOUND)
    def force(given: dict[str, Any], query: dict[str, Any], key: str) -> dict[str, Any]:
        """Force a circuit.

        `open` holds it open and `closed` holds it closed, whatever happens, until somebody lets go of it with null;
        then it begins anew, closed. Every process knows within a second.
        """
        tenant = owner(query)
        state = None if given["state"] is None else State(given["state"])
        circuits.force(key, tenant, state, caller().key_id)
        forced = {"circuit": key, "tenant": tenant, "state": given["state"], "key_id": caller().key_id}
        log.info("circuit_forced", extra=forced)
        return document(key, tenant)

    def owner(query: dict[str, Any]) -> str:
        asker = caller()
        tenant: str = query.get("tenant", asker.tenant)
        if tenant != asker.tenant:
            require_scope(Scope.ADMIN)
        return tenant

    def document(key: str, tenant: str) -> dict[str, Any]:
        return audited_document(circuits.state(key, tenant), circuits.audit(key, tenant))

    def is_known(key: str, tenant: str) -> bool:
        try:
            circuits.state(key, tenant)
        except UnknownCircuit:
            return False
        return True

    return blueprint
