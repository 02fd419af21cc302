"""One circuit as a process judges it alone, while Redis is away: the same rules over its own calls."""

from __future__ import annotations

import threading
from random import Random

from resilience.circuit.permit import Outcome, Permit, State
from resilience.circuit.settings import CircuitSettings
from resilience.circuit.shared import BUCKETS
from resilience.circuit.view import Admission, View

_NEW = View(state=State.CLOSED, period=0, wait_seconds=0.0, room=None, trips=0, is_forced=False)


class LocalCircuit:
    """Begins as the shared circuit was last seen. Every *now* is a monotonic time in seconds; safe to share.

    Its periods are negative, those of Redis are not, so that no permit is taken for one of the other's.
    """

    def __init__(self, settings: CircuitSettings, random: Random, seen: View | None, *, now: float) -> None:
        view = seen or _NEW
        self.began = now
        self._settings = settings
        self._random = random
        self._lock = threading.Lock()
        self._forced = view.state if view.is_forced else None
        self._period = view.period
        self._trips = view.trips
        self._reopens_at: float | None = None if view.state is State.CLOSED else now
        if view.state is State.OPEN:
            self._reopens_at = now + view.wait_seconds
        self._window: dict[float, list[int]] = {}
        self._probes: dict[str, float] = {}
        self._successes = self._slow_successes = 0

    def admit(self, probe_id: str, now: float) -> Admission:
        """How it stands; if it is half_open and has one, a place is taken for the probe. '' takes none."""
        with self._lock:
            view = self._view(now)
            if not probe_id or view.state is not State.HALF_OPEN or not view.room:
                return Admission(is_probe=False, view=view)
            self._probes[probe_id] = now + self._settings.probe_lease_seconds
            return Admission(is_probe=True, view=self._view(now))

    def record(self, permit: Permit, outcome: Outcome, now: float, *, is_slow: bool, calls: int = 1) -> None:
        """So many calls have ended; they count as they do in Redis."""
        with self._lock:
            state = self._view(now).state
            if permit.is_probe:
                if self._probes.pop(permit.probe_id, None) is not None:
                    self._probe(outcome, now, is_slow=is_slow)
            elif outcome is not Outcome.IGNORED and state is State.CLOSED and permit.period == self._period:
                self._count(outcome, now, is_slow=is_slow, calls=calls)

    def give_back(self, permit: Permit, now: float) -> None:
        """The probe was not begun."""
        with self._lock:
            self._view(now)
            self._probes.pop(permit.probe_id, None)

    def renew(self, permit: Permit, now: float) -> bool:
        """Whether the probe keeps its place for another lease."""
        with self._lock:
            self._view(now)
            if permit.probe_id not in self._probes:
                return False
            self._probes[permit.probe_id] = now + self._settings.probe_lease_seconds
            return True

    def view(self, now: float) -> View:
        with self._lock:
            return self._view(now)

    def _view(self, now: float) -> View:
        """Forgets the probes whose leases have ended."""
        self._probes = {probe_id: ends for probe_id, ends in self._probes.items() if ends > now}
        state, wait, room = self._state(now), 0.0, None
        if state is State.OPEN:
            wait, room = self._settings.open_seconds if self._forced else (self._reopens_at or now) - now, 0
        elif state is State.HALF_OPEN:
            room = max(0, max(1, self._settings.probes - self._successes) - len(self._probes))
            wait = 0.0 if room else min(self._probes.values()) - now
        return View(state, self._period, wait, room, self._trips, is_forced=self._forced is not None)

    def _state(self, now: float) -> State:
        if self._forced is not None:
            return self._forced
        if self._reopens_at is None:
            return State.CLOSED
        return State.OPEN if now < self._reopens_at else State.HALF_OPEN

    def _count(self, outcome: Outcome, now: float, *, is_slow: bool, calls: int) -> None:
        width = self._settings.window_seconds / BUCKETS
        is_failure = outcome is Outcome.FAILURE
        bucket = self._window.setdefault(now - now % width, [0, 0, 0])
        for index, has_happened in enumerate((True, is_failure, is_slow)):
            bucket[index] += calls * has_happened
        self._window = {
            start: counts for start, counts in self._window.items() if start > now - self._settings.window_seconds
        }
        sums = map(sum, zip(*self._window.values(), strict=True))
        if (is_failure or is_slow) and self._forced is None and self._settings.trips(*sums):
            self._open(now)

    def _probe(self, outcome: Outcome, now: float, *, is_slow: bool) -> None:
        if outcome is Outcome.FAILURE:
            self._open(now)
        elif outcome is Outcome.SUCCESS:
            self._successes += 1
            self._slow_successes += is_slow
            if self._successes >= self._settings.probes:
                if self._slow_successes >= self._settings.slow_rate * self._successes:
                    self._open(now)
                else:
                    self._move(trips=0, reopens_at=None)

    def _open(self, now: float) -> None:
        share = self._settings.draw_share(self._random)
        self._move(trips=self._trips + 1, reopens_at=now + self._settings.open_for(self._trips + 1, share))

    def _move(self, *, trips: int, reopens_at: float | None) -> None:
        self._period = -1 - self._random.getrandbits(48)
        self._trips = trips
        self._reopens_at = reopens_at
        self._window.clear()
        self._probes.clear()
        self._successes = self._slow_successes = 0
