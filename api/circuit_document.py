"""A circuit as operators and clients see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, fields, validate

from api.api_key_schema import TenantName
from api.fields import iso
from api.strict_schema import QuerySchema, StrictSchema
from resilience.circuit.circuit_state import CircuitState, Forcing
from resilience.circuit.permit import State

STATES = validate.OneOf([state.value for state in State])
FORCED = validate.OneOf([State.OPEN.value, State.CLOSED.value])


class CircuitQuerySchema(QuerySchema):
    """Whose endpoints and origins; models are everybody's."""

    tenant = TenantName(
        metadata={"description": "Whose endpoints and origins; another tenant's need the scope `admin`"}
    )


class CircuitForceSchema(StrictSchema):
    """What an operator wants of a circuit."""

    state = fields.String(
        required=True,
        allow_none=True,
        validate=FORCED,
        metadata={"description": "Hold it open or closed until somebody lets go of it, which is null"},
    )


class CircuitWindowSchema(Schema):
    """Calls by which a closed circuit is judged; nothing while it is not closed."""

    calls = fields.Integer(required=True)
    failures = fields.Integer(required=True)
    slow = fields.Integer(required=True)
    failure_rate = fields.Float(required=True)
    slow_rate = fields.Float(required=True)


class CircuitCountsSchema(Schema):
    """All calls since the circuit was last unknown."""

    permitted = fields.Integer(required=True, metadata={"description": "Calls that were let through and have ended"})
    succeeded = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    ignored = fields.Integer(
        required=True,
        metadata={
            "description": "Calls that say nothing of what it stands before: of a model those that were refused, "
            "cancelled or out of time, of a receiver those that we could not make"
        },
    )
    rejected = fields.Integer(
        required=True, metadata={"description": "Calls to a model that were not let through; deliveries wait"}
    )


class CircuitTransitionsSchema(Schema):
    """How often it has gone where."""

    opened = fields.Integer(required=True)
    half_opened = fields.Integer(required=True)
    closed = fields.Integer(required=True)


class CircuitProbesSchema(Schema):
    """Probes that are under way, and how those before them ended; of a lost one nobody has heard."""

    running = fields.Integer(required=True)
    succeeded = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    ignored = fields.Integer(required=True)
    lost = fields.Integer(required=True)


class CircuitForcingSchema(Schema):
    """An operator's word: `state` null is for letting go of the circuit."""

    state = fields.String(required=True, allow_none=True, validate=FORCED)
    by = fields.String(required=True, metadata={"description": "The id of the key, or `operator`"})
    at = fields.String(required=True, metadata={"format": "date-time"})


class CircuitSchema(Schema):
    """One circuit."""

    object = fields.Constant("circuit", required=True)
    key = fields.String(
        required=True, metadata={"description": "What it stands before: `model:NAME`, `endpoint:ID`, `origin:URL`"}
    )
    kind = fields.String(required=True, metadata={"description": "`model`, `endpoint` or `origin`"})
    state = fields.String(required=True, validate=STATES)
    since = fields.String(
        required=True,
        allow_none=True,
        metadata={"format": "date-time", "description": "Its last move; null if it has never moved"},
    )
    reopens_at = fields.String(
        required=True,
        allow_none=True,
        metadata={"format": "date-time", "description": "When it lets probes through; null unless it opens by itself"},
    )
    trips_in_a_row = fields.Integer(required=True)
    forced = fields.Nested(CircuitForcingSchema, required=True, allow_none=True)
    window = fields.Nested(
        CircuitWindowSchema,
        required=True,
        metadata={
            "description": "Calls by which it is judged while closed: of the last minute, before an endpoint or origin "
            "of the last two"
        },
    )
    counts = fields.Nested(CircuitCountsSchema, required=True)
    transitions = fields.Nested(CircuitTransitionsSchema, required=True)
    probes = fields.Nested(CircuitProbesSchema, required=True)


class CircuitsSchema(Schema):
    object = fields.Constant("list", required=True)
    data = fields.List(fields.Nested(CircuitSchema), required=True)


class AuditedCircuitSchema(CircuitSchema):
    """One circuit, and what operators have done to it, newest first."""

    audit = fields.List(fields.Nested(CircuitForcingSchema), required=True)


def circuit_document(circuit: CircuitState) -> dict[str, Any]:
    """One entry of `GET /v1/circuits`."""
    return {
        "object": "circuit",
        "key": circuit.key,
        "kind": circuit.key.partition(":")[0],
        "state": circuit.state.value,
        "since": None if circuit.since is None else iso(circuit.since),
        "reopens_at": None if circuit.reopens_at is None else iso(circuit.reopens_at),
        "trips_in_a_row": circuit.trips_in_a_row,
        "forced": None if circuit.forcing is None else forcing_document(circuit.forcing),
        "window": {
            "calls": circuit.calls,
            "failures": circuit.failures,
            "slow": circuit.slow,
            "failure_rate": round(circuit.failure_rate, 4),
            "slow_rate": round(circuit.slow_rate, 4),
        },
        "counts": {
            "permitted": circuit.permitted,
            "succeeded": circuit.succeeded,
            "failed": circuit.failed,
            "ignored": circuit.ignored,
            "rejected": circuit.rejected,
        },
        "transitions": {
            "opened": circuit.opened,
            "half_opened": circuit.half_opened,
            "closed": circuit.closed,
        },
        "probes": {
            "running": circuit.probes.running,
            "succeeded": circuit.probes.succeeded,
            "failed": circuit.probes.failed,
            "ignored": circuit.probes.ignored,
            "lost": circuit.probes.lost,
        },
    }


def audited_document(circuit: CircuitState, audit: Sequence[Forcing]) -> dict[str, Any]:
    """The same with its audit."""
    return circuit_document(circuit) | {"audit": [forcing_document(one) for one in audit]}


def forcing_document(forcing: Forcing) -> dict[str, Any]:
    state = None if forcing.state is None else forcing.state.value
    return {"state": state, "by": forcing.by, "at": iso(forcing.at)}
