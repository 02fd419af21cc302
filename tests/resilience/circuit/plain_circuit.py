"""One circuit told as plainly as can be: what has happened to it is kept, and everything else is worked out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from resilience.circuit.circuit_state import CircuitState, Probes
from resilience.circuit.permit import Outcome, State
from resilience.circuit.settings import CircuitSettings


@dataclass(frozen=True)
class Told:
    """What an asker hears at `at`: `room` None for any number of calls, `until` the instant at which to come back."""

    at: int
    state: State
    room: int | None
    until: int
    trips: int
    moves: int
    is_forced: bool


@dataclass(frozen=True)
class PlainPermit:
    moves: int
    probe: int | None = None


@dataclass
class PlainCircuit:
    """All times are ms. `now` is set by whoever drives it."""

    settings: CircuitSettings
    now: int
    calls: list[tuple[int, bool, bool]] = field(default_factory=list)
    probes: dict[int, int] = field(default_factory=dict)
    successes: list[bool] = field(default_factory=list)
    moves: int = 0
    moved: int | None = None
    trips: int = 0
    opens_until: int | None = None
    is_met: bool = False
    forced: State | None = None
    counts: Counter[str] = field(default_factory=Counter)
    is_there: bool = False

    # --- how it stands

    @property
    def state(self) -> State:
        if self.forced:
            return self.forced
        if self.opens_until is None:
            return State.CLOSED
        return State.OPEN if self.now < self.opens_until else State.HALF_OPEN

    @property
    def room(self) -> int | None:
        if self.state is State.CLOSED:
            return None
        return 0 if self.state is State.OPEN else self.settings.probes - len(self.successes) - len(self.probes)

    @property
    def window(self) -> list[tuple[int, bool, bool]]:
        """The calls of the last ten tenths of a window; the youngest tenth is under way."""
        width = ms(self.settings.window_seconds) // 10
        youngest = self.now // width
        return [call for call in self.calls if youngest - call[0] // width < 10]

    def told(self) -> Told:
        until = self.now
        if self.forced is State.OPEN:
            until += ms(self.settings.open_seconds)
        elif self.state is State.OPEN and self.opens_until is not None:
            until = self.opens_until
        elif self.room == 0:
            until = min(self.probes.values())
        return Told(self.now, self.state, self.room, until, self.trips, self.moves, self.forced is not None)

    def statistics(self, key: str) -> CircuitState:
        since = self.opens_until if self.state is State.HALF_OPEN else self.moved
        is_open_by_itself = self.state is State.OPEN and not self.forced
        count = self.counts.__getitem__
        return CircuitState(
            key=key,
            state=self.state,
            since=None if since is None else since / 1000,
            reopens_at=self.opens_until / 1000 if is_open_by_itself and self.opens_until else None,
            trips_in_a_row=self.trips,
            forcing=None,
            calls=len(self.window),
            failures=sum(failed for _, failed, _ in self.window),
            slow=sum(slow for _, _, slow in self.window),
            succeeded=count("success"),
            failed=count("failure"),
            ignored=count("ignored"),
            rejected=count("rejected"),
            opened=count("opened"),
            half_opened=count("half_opened"),
            closed=count("closed"),
            probes=Probes(
                running=len(self.probes),
                succeeded=count("probe success"),
                failed=count("probe failure"),
                ignored=count("probe ignored"),
                lost=count("probe lost"),
            ),
        )

    # --- what happens to it

    def meet(self) -> None:
        """Somebody comes: what time has done is seen."""
        if self.state is not State.HALF_OPEN:
            return
        if not self.is_met:
            self.is_met = True
            self.counts["half_opened"] += 1
        for probe in [probe for probe, ends in self.probes.items() if ends <= self.now]:
            del self.probes[probe]
            self.counts["probe lost"] += 1

    def admit(self, probe: int) -> PlainPermit | None:
        self.meet()
        if self.room is None:
            return PlainPermit(self.moves)
        if self.room == 0:
            return None
        self.probes[probe] = self.now + ms(self.settings.probe_lease_seconds)
        return PlainPermit(self.moves, probe)

    def renew(self, permit: PlainPermit) -> bool:
        self.meet()
        if permit.probe not in self.probes:
            return permit.probe is None
        self.probes[permit.probe] = self.now + ms(self.settings.probe_lease_seconds)
        return True

    def record(self, permit: PlainPermit, outcome: Outcome, *, is_slow: bool) -> None:
        self.meet()
        self.is_there = True
        self.counts[outcome.value] += 1
        if permit.probe is not None:
            if self.probes.pop(permit.probe, None) is not None:
                self.counts[f"probe {outcome.value}"] += 1
                self._end_probe(outcome, is_slow=is_slow)
        elif outcome is not Outcome.IGNORED and self.state is State.CLOSED and permit.moves == self.moves:
            is_failure = outcome is Outcome.FAILURE
            self.calls.append((self.now, is_failure, is_slow))
            if (is_failure or is_slow) and self.forced is None and (self._too_many(1) or self._too_many(2)):
                self._open()

    def force(self, state: State | None) -> None:
        self.meet()
        self.is_there = True
        after = state or State.CLOSED
        if after is not self.state:
            self.counts["opened" if after is State.OPEN else "closed"] += 1
        self.forced = state
        self._move(trips=0, opens_until=None)

    def _end_probe(self, outcome: Outcome, *, is_slow: bool) -> None:
        if outcome is Outcome.FAILURE:
            self._open()
        elif outcome is Outcome.SUCCESS:
            self.successes.append(is_slow)
            if len(self.successes) == self.settings.probes:
                if sum(self.successes) / self.settings.probes >= self.settings.slow_rate:
                    self._open()
                else:
                    self.counts["closed"] += 1
                    self._move(trips=0, opens_until=None)

    def _too_many(self, which: int) -> bool:
        rate = self.settings.failure_rate if which == 1 else self.settings.slow_rate
        bad = sum(call[which] for call in self.window)
        return bad >= self.settings.failure_threshold and bad / len(self.window) >= rate

    def _open(self) -> None:
        self.counts["opened"] += 1
        seconds = self.settings.open_seconds
        for _ in range(self.trips):
            seconds = min(seconds * self.settings.open_growth, self.settings.open_cap_seconds)
        self._move(trips=self.trips + 1, opens_until=self.now + ms(seconds))

    def _move(self, *, trips: int, opens_until: int | None) -> None:
        self.moves += 1
        self.moved = self.now
        self.trips, self.opens_until = trips, opens_until
        self.calls, self.probes, self.successes, self.is_met = [], {}, [], False


def without_forcing(state: CircuitState) -> CircuitState:
    """The plain circuit does not keep who forced it."""
    return replace(state, forcing=None)


def ms(seconds: float) -> int:
    return round(seconds * 1000)
