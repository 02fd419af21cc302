"""Whose circuits are told of over HTTP: each kind of thing that has them is a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from api.errors import UnknownCircuit
from models.catalog import Catalog
from resilience.circuit.circuit_state import CircuitState, Forcing
from resilience.circuit.circuits import Circuits
from resilience.circuit.keys import MODEL, key_of_model
from resilience.circuit.permit import State
from tasks.dispatch import Dispatcher


class CircuitSource(Protocol):
    """Circuits of one kind, by the names of what they stand before, as a tenant may see them.

    Every method raises StoreUnavailable, and those that take a name UnknownCircuit.
    """

    @property
    def kind(self) -> str:
        """What stands before the colon in their keys."""
        ...

    def states(self, tenant: str) -> list[CircuitState]:
        """Those that the tenant may see."""
        ...

    def state(self, name: str, tenant: str) -> CircuitState:
        """One of them."""
        ...

    def audit(self, name: str, tenant: str) -> list[Forcing]:
        """What operators have done to it, newest first."""
        ...

    def force(self, name: str, tenant: str, state: State | None, by: str) -> None:
        """Hold it open or closed, or let go of it."""
        ...


@dataclass(frozen=True, slots=True)
class ModelCircuits:
    """One for each model of the configuration, the same for all tenants."""

    circuits: Circuits
    catalog: Catalog
    dispatcher: Dispatcher
    kind: str = MODEL

    def states(self, tenant: str) -> list[CircuitState]:
        del tenant
        known = {state.key: state for state in self.circuits.states(key_of_model(""))}
        keys = map(key_of_model, self.catalog.models)
        return [known.get(key) or CircuitState.unused(key) for key in keys]

    def state(self, name: str, tenant: str) -> CircuitState:
        key = self._key(name)
        return next(state for state in self.states(tenant) if state.key == key)

    def audit(self, name: str, tenant: str) -> list[Forcing]:
        del tenant
        return self.circuits.audit(self._key(name))

    def force(self, name: str, tenant: str, state: State | None, by: str) -> None:
        """What waits starts at once, if it may."""
        del tenant
        self.circuits.force(self._key(name), state, by)
        self.dispatcher.dispatch(self._model(name))

    def _model(self, name: str) -> str:
        model = self.catalog.resolve(name)
        if model is None:
            raise UnknownCircuit(f"No model is called {name!r}.")
        return model.name

    def _key(self, name: str) -> str:
        return key_of_model(self._model(name))


class AllCircuits:
    """Every source, by whole keys; methods are those of a source."""

    def __init__(self, *sources: CircuitSource) -> None:
        self._sources = {source.kind: source for source in sources}

    def states(self, tenant: str) -> list[CircuitState]:
        return [state for source in self._sources.values() for state in source.states(tenant)]

    def state(self, key: str, tenant: str) -> CircuitState:
        source, name = self._found(key)
        return source.state(name, tenant)

    def audit(self, key: str, tenant: str) -> list[Forcing]:
        source, name = self._found(key)
        return source.audit(name, tenant)

    def force(self, key: str, tenant: str, state: State | None, by: str) -> None:
        source, name = self._found(key)
        source.force(name, tenant, state, by)

    def _found(self, key: str) -> tuple[CircuitSource, str]:
        kind, _, name = key.partition(":")
        if kind not in self._sources:
            raise UnknownCircuit(f"No circuit is called {key!r}.")
        return self._sources[kind], name
