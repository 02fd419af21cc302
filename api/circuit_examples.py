"""What the documentation shows of circuits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.circuit_document import audited_document, circuit_document
from resilience.circuit.circuit_state import CircuitState, Forcing, Probes
from resilience.circuit.permit import State

_AT = 1_795_384_800.0

_OPEN = replace(
    CircuitState.unused("model:far"),
    state=State.OPEN,
    since=_AT,
    reopens_at=_AT + 117.3,
    trips_in_a_row=2,
    succeeded=1840,
    failed=9,
    ignored=31,
    rejected=212,
    opened=2,
    half_opened=1,
    probes=Probes(running=0, succeeded=0, failed=1, ignored=0, lost=0),
)
_CLOSED = replace(CircuitState.unused("model:shakespeare"), calls=118, failures=1, succeeded=5210, failed=4, ignored=12)
_RECEIVER = replace(
    CircuitState.unused("endpoint:we_9kQm2xLw4fZ8RtYb7NcVd1"),
    state=State.HALF_OPEN,
    since=_AT,
    trips_in_a_row=1,
    succeeded=902,
    failed=6,
    opened=1,
    half_opened=1,
    probes=Probes(running=1, succeeded=0, failed=0, ignored=0, lost=0),
)
_WORD = Forcing(_AT + 30, "key_4fZ8kQm2xLw9RtYb7NcVd1", State.OPEN)
_LET_GO = Forcing(_AT - 86_400, "operator", None)

FORCE: dict[str, Any] = {"state": "open"}
CIRCUITS = {"object": "list", "data": [circuit_document(one) for one in (_CLOSED, _OPEN, _RECEIVER)]}
CIRCUIT = audited_document(_OPEN, [_LET_GO])
FORCED = audited_document(
    replace(_OPEN, since=_WORD.at, reopens_at=None, trips_in_a_row=0, forcing=_WORD), [_WORD, _LET_GO]
)
