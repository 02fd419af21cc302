"""A standing endpoint: a receiver that a tenant has registered for types of events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EndpointState(StrEnum):
    """Whether events are delivered; the values are those on the wire.

    `paused` ends by itself: the backlog was full, and what came since is taken from the list of events as it drains.
    """

    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"


class CircuitState(StrEnum):
    """Whether attempts are made; the values are those on the wire. In a half_open circuit one at a time is."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """What the store needs to make one."""

    id: str
    tenant: str
    name: str
    url: str
    event_types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """As the store knows it; instants are Unix seconds.

    `disabled_reason` is `gone` (it answered 410), `failing` (for days) or `asked`. `failing_since` is when the first
    of the attempts failed that have failed since one last succeeded. `waiting` counts deliveries that are not over.
    """

    id: str
    tenant: str
    name: str
    url: str
    event_types: tuple[str, ...]
    created_at: float
    updated_at: float
    state: EndpointState = EndpointState.ENABLED
    disabled_reason: str | None = None
    disabled_at: float | None = None
    failing_since: float | None = None
    circuit: CircuitState = CircuitState.CLOSED
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPage:
    """Some endpoints, newest first."""

    endpoints: list[Endpoint]
    has_more: bool
