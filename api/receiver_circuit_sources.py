"""The circuits of receivers of webhooks: a tenant has its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import redis

from api.errors import UnknownCircuit
from jobs.keys import DEFAULT_PREFIX, ref
from jobs.settings import StoreSettings
from jobs.webhooks.circuit_rules import PROBES, WINDOW_SECONDS
from jobs.webhooks.endpoints import MOST_ENDPOINTS, EndpointStore
from jobs.webhooks.errors import EndpointNotFound, ReceiverNotFound
from jobs.webhooks.receiver_circuits import PREFIX, ReceiverCircuits
from resilience.circuit.circuit_state import CircuitState, Forcing
from resilience.circuit.permit import State
from resilience.circuit.settings import CircuitSettings
from resilience.circuit.shared import SharedCircuits

ENDPOINT = "endpoint"
ORIGIN = "origin"

MOST_ORIGINS = 100
"""That are listed of one tenant, those that somebody holds before all, then those used last."""

_SCHEMES = ("https://", "http://")
_WORDS: Final[Mapping[State | None, Literal["open", "closed"] | None]] = {
    State.OPEN: "open",
    State.CLOSED: "closed",
    None: None,
}


class ReceiverWatch:
    """Looks at the circuits of receivers, which their deliveries move, and holds them for operators.

    Every method raises StoreUnavailable.
    """

    def __init__(
        self, client: redis.Redis, settings: StoreSettings | None = None, *, prefix: str = DEFAULT_PREFIX
    ) -> None:
        rules = CircuitSettings(window_seconds=WINDOW_SECONDS, probes=PROBES)
        self._shared = SharedCircuits(client, rules, prefix=prefix + PREFIX)
        self._operators = ReceiverCircuits(client, settings, prefix=prefix)

    def names(self, tenant: str) -> list[str]:
        """Receivers of the tenant that have a circuit, those held before all, then those used last."""
        of_tenant = ref(tenant, "")
        return [key.removeprefix(of_tenant) for key in self._shared.keys(of_tenant)]

    def states(self, kind: str, tenant: str, names: Sequence[str]) -> dict[str, CircuitState]:
        """How the circuits stand that have moved or counted anything, by name."""
        told = self._shared.states_of([ref(tenant, name) for name in names])
        named = {state.key.removeprefix(ref(tenant, "")): state for state in told}
        return {name: replace(state, key=f"{kind}:{name}") for name, state in named.items()}

    def is_origin(self, tenant: str, name: str) -> bool:
        """Whether deliveries to that origin have waited, or were tried."""
        return self._operators.is_origin(tenant, name)

    def audit(self, tenant: str, name: str) -> list[Forcing]:
        """What operators have done to one of them, newest first."""
        return self._shared.audit(ref(tenant, name))

    def force(self, kind: str, tenant: str, name: str, state: State | None, by: str) -> None:
        """Hold one of them open or closed, or let go of it. Raises UnknownCircuit."""
        try:
            self._operators.force(tenant, name, _WORDS[state], by=by)
        except ReceiverNotFound:
            raise _unknown(kind, name) from None


@dataclass(frozen=True, slots=True)
class EndpointCircuits:
    """One for each standing endpoint, by its id."""

    watch: ReceiverWatch
    endpoints: EndpointStore
    kind: str = ENDPOINT

    def states(self, tenant: str) -> list[CircuitState]:
        page = self.endpoints.page(tenant, limit=MOST_ENDPOINTS)
        return self._states(tenant, [endpoint.id for endpoint in page.endpoints])

    def state(self, name: str, tenant: str) -> CircuitState:
        self._check(name, tenant)
        [state] = self._states(tenant, [name])
        return state

    def audit(self, name: str, tenant: str) -> list[Forcing]:
        self._check(name, tenant)
        return self.watch.audit(tenant, name)

    def force(self, name: str, tenant: str, state: State | None, by: str) -> None:
        self._check(name, tenant)
        self.watch.force(self.kind, tenant, name, state, by)

    def _states(self, tenant: str, ids: Sequence[str]) -> list[CircuitState]:
        known = self.watch.states(self.kind, tenant, ids)
        return [known.get(one) or CircuitState.unused(f"{self.kind}:{one}") for one in ids]

    def _check(self, name: str, tenant: str) -> None:
        try:
            self.endpoints.find(tenant, name)
        except EndpointNotFound:
            raise _unknown(self.kind, name) from None


@dataclass(frozen=True, slots=True)
class OriginCircuits:
    """One for each origin of jobs' own webhooks, from its first delivery on.

    Listed are those at which an attempt has ended, or that somebody holds.
    """

    watch: ReceiverWatch
    kind: str = ORIGIN

    def states(self, tenant: str) -> list[CircuitState]:
        names = [name for name in self.watch.names(tenant) if name.startswith(_SCHEMES)][:MOST_ORIGINS]
        return sorted(self.watch.states(self.kind, tenant, names).values(), key=lambda state: state.key)

    def state(self, name: str, tenant: str) -> CircuitState:
        self._check(name)
        found = self.watch.states(self.kind, tenant, [name])
        if name in found:
            return found[name]
        if not self.watch.is_origin(tenant, name):
            raise _unknown(self.kind, name)
        return CircuitState.unused(f"{self.kind}:{name}")

    def audit(self, name: str, tenant: str) -> list[Forcing]:
        self.state(name, tenant)
        return self.watch.audit(tenant, name)

    def force(self, name: str, tenant: str, state: State | None, by: str) -> None:
        self._check(name)
        self.watch.force(self.kind, tenant, name, state, by)

    def _check(self, name: str) -> None:
        if not name.startswith(_SCHEMES):
            raise _unknown(self.kind, name)


def _unknown(kind: str, name: str) -> UnknownCircuit:
    key = f"{kind}:{name}"
    return UnknownCircuit(f"No circuit is called {key!r}.")
