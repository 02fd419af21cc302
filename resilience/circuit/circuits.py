"""Circuits in front of whatever has a key: ask for a permit before a call, record its outcome after it.

match circuits.admit("model:shakespeare"):
    case Refused() as refused:
        come back after refused.retry_after_seconds
    case Permit() as permit:
        call, then circuits.record(permit, Outcome.SUCCESS, seconds)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import TypeVar

import redis

from jobs.errors import StorageFull, StoreUnavailable
from resilience.circuit.circuit_state import CircuitState, Forcing
from resilience.circuit.known import Known
from resilience.circuit.local import LocalCircuit
from resilience.circuit.permit import Outcome, Outlook, Permit, Refused, State
from resilience.circuit.settings import CircuitSettings
from resilience.circuit.shared import SharedCircuits
from resilience.circuit.view import Admission, View
from resilience.reach import Reach

DEFAULT_PREFIX = "frontier:circuit:"
MOST_KNOWN = 10_000
PAUSE_SECONDS = 1.0
LONGEST_NAME = 200

COUNTED_AS = {Outcome.SUCCESS: "succeeded", Outcome.FAILURE: "failed", Outcome.IGNORED: "ignored"}

T = TypeVar("T")


class Circuits:
    """All circuits under one prefix, with the same settings. Safe to share between threads and greenlets.

    A caller is answered from what the process has seen within the last second; else Redis is asked, once for all who
    wait. While Redis is away each process judges by its own calls. `clock` is monotonic; no two processes may draw the
    same from `random`.
    """

    def __init__(
        self,
        client: redis.Redis,
        settings: CircuitSettings | None = None,
        *,
        random: Random,
        prefix: str = DEFAULT_PREFIX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or CircuitSettings()
        self._shared = SharedCircuits(client, self.settings, prefix=prefix)
        self._random = random
        self._clock = clock
        self._reach = Reach(clock, pause=lambda: PAUSE_SECONDS * random.uniform(0.5, 1.5))
        self._known: dict[str, Known] = {}
        self._inserting = threading.Lock()

    def admit(self, key: str, *, is_doubted: bool = False) -> Permit | Refused:
        """Leave for one call, or none. A permit that is never used counts as nothing; a probe's place comes back.

        A refusal that *is_doubted* is asked for anew: it is no second old.
        """
        known = self._known_of(key)
        view = known.fresh_view(self._clock())
        if view is None or view.room or (is_doubted and view.room == 0):
            probe_id = f"{self._random.getrandbits(64):016x}"
            admission = self._ask(known, probe_id, is_doubted=is_doubted)
            view = admission.view
            if admission.is_probe:
                return Permit(key, view.period, probe_id)
        if view.room is None:
            return Permit(key, view.period)
        known.count("rejected")
        return Refused(view.state, view.wait_seconds)

    def look(self, key: str, *, is_doubted: bool = False) -> Outlook:
        """What `admit` would say, up to a second ago; takes and counts nothing."""
        known = self._known_of(key)
        view = known.fresh_view(self._clock())
        if view is None or (is_doubted and view.room == 0):
            view = self._ask(known, "", is_doubted=is_doubted).view
        return Outlook(view.state, view.room, view.wait_seconds, view.is_forced)

    def give_back(self, permit: Permit) -> None:
        """A permit was not used; the place of a probe is free at once, not only when its lease ends."""
        if not permit.is_probe:
            return
        known = self._known_of(permit.key)
        if self._try(known, lambda counted: self._shared.give_back(permit, counted), lambda view: view) is None:
            self._alone(known).give_back(permit, self._clock())

    def reject(self, key: str) -> None:
        """Count a call that was sent away for what `look` had said."""
        self._known_of(key).count("rejected")

    def record(self, permit: Permit, outcome: Outcome, seconds: float, *, calls: int = 1) -> None:
        """How a call ended and how long it took, or several alike with permits alike; once for each that was used.

        What ended after the circuit has moved, and a probe that ended after its lease, say nothing about it any more.
        """
        known = self._known_of(permit.key)
        is_slow = self.settings.is_slow(seconds)
        share = self.settings.draw_share(self._random)

        def record(counted: Mapping[str, int]) -> View:
            return self._shared.record(permit, outcome, counted, is_slow=is_slow, share=share, calls=calls)

        if self._try(known, record, lambda view: view) is None:
            known.count(COUNTED_AS[outcome], calls)
            self._alone(known).record(permit, outcome, self._clock(), is_slow=is_slow, calls=calls)

    def renew(self, permit: Permit) -> bool:
        """Whether a call's outcome will count. A probe that takes longer than its lease must renew it in time."""
        if not permit.is_probe:
            return True
        known = self._known_of(permit.key)
        is_kept = self._try(known, lambda counted: self._shared.renew(permit, counted))
        return self._alone(known).renew(permit, self._clock()) if is_kept is None else is_kept

    def force(self, key: str, state: State | None, by: str) -> None:
        """Hold a circuit open or closed until somebody lets go of it (None); then it begins anew, closed.

        Every process knows within a second. Raises StoreUnavailable, and ValueError for half_open.
        """
        if state is State.HALF_OPEN:
            raise ValueError("state: must be open, closed or None; half_open cannot be forced")
        known = self._known_of(key)
        sent = self._clock()
        view = self._shared.force(key, state, _named("by", by))
        known.learn(view, sent=sent, received=self._clock())

    def states(self, kind: str = "") -> list[CircuitState]:
        """Every circuit that is known, by key, of those whose key begins with *kind*. Raises StoreUnavailable."""
        return self._shared.states(kind)

    def audit(self, key: str) -> list[Forcing]:
        """What operators have done, newest first, the last 50 at most. Raises StoreUnavailable."""
        return self._shared.audit(key)

    def close(self) -> None:
        """Close the connections that are idle; for whoever has made them for these circuits alone."""
        self._shared.close()

    def _ask(self, known: Known, probe_id: str, *, is_doubted: bool) -> Admission:
        if self._reach.is_lost:
            return self._admission(known, probe_id)
        with known.asking:
            view = known.fresh_view(self._clock())
            if view is not None and not (view.room and probe_id) and not (view.room == 0 and is_doubted):
                return Admission(is_probe=False, view=view)
            return self._admission(known, probe_id)

    def _admission(self, known: Known, probe_id: str) -> Admission:
        def admit(counted: Mapping[str, int]) -> Admission:
            return self._shared.admit(known.key, probe_id, counted)

        told = self._try(known, admit, lambda admission: admission.view)
        return told or self._alone(known).admit(probe_id, self._clock())

    def _try(
        self, known: Known, call: Callable[[Mapping[str, int]], T], view_of: Callable[[T], View] | None = None
    ) -> T | None:
        """What Redis answers, of which the view is kept, or None while it is away."""
        if not self._reach.may_ask():
            return None
        counted = known.take_counts()
        local = known.local
        try:
            if local is not None:
                self._tell_of(local, known.key)
            sent = self._clock()
            answer = call(counted)
        except (StoreUnavailable, StorageFull):
            known.give_back_counts(counted)
            self._reach.failed()
            return None
        except BaseException:
            if self._reach.is_lost:
                self._reach.failed()
            raise
        self._reach.answered()
        known.local = None
        if view_of is not None:
            known.learn(view_of(answer), sent=sent, received=self._clock())
        return answer

    def _tell_of(self, local: LocalCircuit, key: str) -> None:
        """A circuit that was not closed here is probed before the shared one is trusted."""
        now = self._clock()
        view = local.view(now)
        if view.state is not State.CLOSED and not view.is_forced:
            self._shared.doubt(key, alone_seconds=now - local.began, trips=view.trips)

    def _alone(self, known: Known) -> LocalCircuit:
        now = self._clock()
        with self._inserting:
            known.local = known.local or LocalCircuit(self.settings, self._random, known.last_view(now), now=now)
            return known.local

    def _known_of(self, key: str) -> Known:
        known = self._known.get(key)
        if known is not None:
            return known
        _named("key", key)
        with self._inserting:
            if len(self._known) >= MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
            return self._known.setdefault(key, Known(key))


def _named(what: str, name: str) -> str:
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise ValueError(f"{what}: must be 1 to {LONGEST_NAME} printable characters")
    return name
