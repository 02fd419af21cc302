"""Circuits as Redis keeps them: each change is one script, and all times are those of the server."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import redis
from redis.commands.core import Script

from jobs.scripts import shared_text, unavailable_as_our_error
from resilience.circuit.circuit_state import CircuitState, Forcing
from resilience.circuit.permit import Outcome, Permit, State
from resilience.circuit.settings import CircuitSettings
from resilience.circuit.view import Admission, View

BUCKETS = 10
"""Parts of the window: as each of them ends, the oldest is left out."""

_FOLDER = resources.files("resilience.circuit").joinpath("lua")
_SCRIPTS = ("admit", "doubt", "force", "give_back", "record", "renew", "tell")
_CHUNK = 200
_SCANNED = 1000
_SPECIAL = re.compile(r"[*?[\\]")


class SharedCircuits:
    """The scripts of `lua/`. *counted* is what the process has counted by itself since it last asked.

    Every method raises StoreUnavailable while Redis is away. Each but `record` and `force` may be repeated without
    any effect.
    """

    def __init__(self, client: redis.Redis, settings: CircuitSettings, *, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._rules = _rules(settings)
        self._scripts: dict[str, Script] = {name: client.register_script(_text(name)) for name in _SCRIPTS}

    def admit(self, key: str, probe_id: str, counted: Mapping[str, int]) -> Admission:
        """How a circuit stands; if it is half_open and has one, a place is taken for the probe. '' takes none."""
        is_probe, *view = self._run("admit", key, counted, probe_id)
        return Admission(is_probe=bool(is_probe), view=_view(view))

    def record(
        self, permit: Permit, outcome: Outcome, counted: Mapping[str, int], *, is_slow: bool, share: float, calls: int
    ) -> View:
        """How the circuit stands now that so many calls have ended."""
        arguments = (permit.probe_id, permit.period, outcome.value, int(is_slow), share, calls)
        return _view(self._run("record", permit.key, counted, *arguments))

    def give_back(self, permit: Permit, counted: Mapping[str, int]) -> View:
        """How the circuit stands without a probe that was not begun."""
        return _view(self._run("give_back", permit.key, counted, permit.probe_id))

    def renew(self, permit: Permit, counted: Mapping[str, int]) -> bool:
        """Whether the probe keeps its place for another lease."""
        return bool(self._run("renew", permit.key, counted, permit.probe_id))

    def force(self, key: str, state: State | None, by: str) -> View:
        """How the circuit stands, held open or closed, or let go of."""
        return _view(self._run("force", key, {}, state or "", by))

    def doubt(self, key: str, *, alone_seconds: float, trips: int) -> View:
        """How the circuit stands, half_open if it was closed all the time that the process was alone."""
        return _view(self._run("doubt", key, {}, max(0, round(alone_seconds * 1000)), trips))

    def states(self, kind: str) -> list[CircuitState]:
        """All that there is to know of each circuit whose key begins with *kind*, by key."""
        return self.states_of(sorted(self.keys(kind)))

    def keys(self, kind: str) -> list[str]:
        """Those that begin with *kind*: first those that an operator holds, then those used last."""
        pattern = _SPECIAL.sub(r"\\\g<0>", kind) + "*"
        with unavailable_as_our_error():
            known: Any = dict(self._client.zscan_iter(f"{self._prefix}keys", match=pattern, count=_SCANNED))
        return [key.decode() for key in sorted(known, key=known.__getitem__, reverse=True)]

    def states_of(self, keys: Sequence[str]) -> list[CircuitState]:
        """All that there is to know of those of *keys* of which anything is."""
        told = [pair for start in range(0, len(keys), _CHUNK) for pair in self._tell(keys[start : start + _CHUNK])]
        return [_state(key, answer) for key, answer in told if answer]

    def audit(self, key: str) -> list[Forcing]:
        """What operators have done, newest first."""
        with unavailable_as_our_error():
            entries: Any = self._client.lrange(f"{self._prefix}audit:{key}", 0, -1)
        return [_forcing(**json.loads(entry)) for entry in entries]

    def close(self) -> None:
        self._client.connection_pool.disconnect()

    def _tell(self, keys: Sequence[str]) -> list[tuple[str, Any]]:
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            for key in keys:
                self._scripts["tell"](keys=[self._prefix], args=[key, self._rules, ""], client=pipeline)
            return list(zip(keys, pipeline.execute(), strict=True))

    def _run(self, script: str, key: str, counted: Mapping[str, int], *arguments: str | float) -> Any:
        by_itself = json.dumps(counted) if counted else ""
        with unavailable_as_our_error():
            return self._scripts[script](keys=[self._prefix], args=[key, self._rules, by_itself, *arguments])


@cache
def _text(name: str) -> str:
    """A script with all that stands before it. A circuit's keys are few: it goes on when memory is short."""
    asked, own = (_FOLDER.joinpath(f"{part}.lua").read_text() for part in ("_asked", name))
    return "#!lua flags=allow-oom\n" + shared_text("_circuit") + asked + own


def _rules(settings: CircuitSettings) -> str:
    return json.dumps(
        {
            "threshold": settings.failure_threshold,
            "failure_rate": settings.failure_rate,
            "slow_rate": settings.slow_rate,
            "window": _ms(settings.window_seconds),
            "width": max(1, _ms(settings.window_seconds / BUCKETS)),
            "open": _ms(settings.open_seconds),
            "growth": settings.open_growth,
            "cap": _ms(settings.open_cap_seconds),
            "probes": settings.probes,
            "lease": _ms(settings.probe_lease_seconds),
            "forget": _ms(settings.forget_seconds),
        }
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _view(answer: Sequence[Any]) -> View:
    state, period, wait_ms, room, trips, is_forced = answer
    return View(
        state=State(state.decode()),
        period=period,
        wait_seconds=wait_ms / 1000,
        room=None if room < 0 else room,
        trips=trips,
        is_forced=bool(is_forced),
    )


def _forcing(at: int, by: str, forced: str | None) -> Forcing:
    return Forcing(at=at / 1000, by=by, state=State(forced) if forced else None)


def _state(key: str, answer: Sequence[Any]) -> CircuitState:
    view, (calls, failures, slow), running, flat = answer
    fields = {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
    return CircuitState.of(key, _view(view), fields, calls=calls, failures=failures, slow=slow, running=running)
