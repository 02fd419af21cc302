from __future__ import annotations

from math import inf

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from resilience.rate_limit.limiter import RateLimiter
from resilience.rate_limit.shared import Taken
from resilience.rate_limit.windows import AnyWindow, Bucket, Burst, Window
from tests.resilience.rate_limit.turned_micros import MICROS, NOON, TurnedMicros

PREFIX = "limits:"
MINUTE = Window("minute", 3, 60, "log")
HOUR = Window("hour", 5, 3600, "counter")
AT_ONCE = Burst("at-once", 1, 10, 2)


@pytest.fixture
def limiter(turned: TurnedMicros) -> RateLimiter:
    return RateLimiter(turned, prefix=PREFIX)


def _of(*windows: AnyWindow, key: str = "key:a", counted_as: str = "key") -> list[Bucket]:
    return [Bucket(key, windows, counted_as)]


def _dump(client: TurnedMicros) -> dict[bytes, bytes | None]:
    return {key: client.dump(key) for key in client.scan_iter(f"{PREFIX}*") if key != f"{PREFIX}taken".encode()}


def test_an_allowed_take_tells_how_every_window_stands(limiter: RateLimiter) -> None:
    decision = limiter.take([*_of(MINUTE, HOUR), *_of(AT_ONCE, key="ip:10.0.0.1")])
    assert decision.allowed
    assert (decision.retry_after_seconds, decision.violated) == (0, ())
    told = [(one.bucket_key, one.name, one.limit, one.seconds, one.remaining) for one in decision.states]
    assert told == [("key:a", "minute", 3, 60, 2), ("key:a", "hour", 5, 3600, 4), ("ip:10.0.0.1", "at-once", 2, 20, 1)]
    assert [one.reset_seconds for one in decision.states] == [60, 7200, 10]


@pytest.mark.parametrize("full", [MINUTE, HOUR, AT_ONCE])
def test_a_refused_take_changes_no_window(turned: TurnedMicros, limiter: RateLimiter, full: AnyWindow) -> None:
    roomy: list[AnyWindow] = [
        Window("log", 1000, 60, "log"),
        Window("counter", 1000, 60, "counter"),
        Burst("burst", 1, 1, 1000),
    ]
    limiter.take(_of(full), cost=full.limit)
    limiter.take(_of(*roomy))
    before = _dump(turned)
    decision = limiter.take(_of(*roomy, full))
    assert (decision.allowed, decision.violated) == (False, (full.name,))
    assert [one.remaining for one in decision.states] == [999, 999, 999, 0]
    assert _dump(turned) == before


def test_a_look_changes_nothing_and_is_counted_nowhere(turned: TurnedMicros, limiter: RateLimiter) -> None:
    assert limiter.look(_of(MINUTE, HOUR, AT_ONCE)).allowed
    assert not limiter.look(_of(MINUTE, HOUR, AT_ONCE), cost=3).allowed
    assert list(turned.scan_iter(f"{PREFIX}*")) == []


def test_a_cost_counts_as_so_many_takes(limiter: RateLimiter) -> None:
    assert limiter.take(_of(MINUTE), cost=2).states[0].remaining == 1
    assert not limiter.take(_of(MINUTE), cost=2).allowed
    assert limiter.take(_of(MINUTE), cost=1).allowed


def test_a_cost_above_a_limit_is_said_never_to_succeed(limiter: RateLimiter) -> None:
    decision = limiter.take(_of(MINUTE, HOUR), cost=4)
    assert (decision.allowed, decision.retry_after_seconds, decision.violated) == (False, inf, ("minute",))
    assert not decision.can_ever_succeed
    assert not limiter.take(_of(Window("none", 0, 60, "counter"))).can_ever_succeed


def test_a_full_window_says_when_it_lets_in_again(limiter: RateLimiter) -> None:
    for _ in range(3):
        limiter.take(_of(MINUTE))
    decision = limiter.take(_of(MINUTE))
    assert (decision.retry_after_seconds, decision.can_ever_succeed) == (60, True)


def test_a_take_leaves_the_log_exactly_when_it_is_as_old_as_the_window(
    turned: TurnedMicros, limiter: RateLimiter
) -> None:
    for second in (0, 20, 40):
        turned.turn_to_micros(NOON + second * MICROS)
        limiter.take(_of(MINUTE))
    turned.turn_to_micros(NOON + 60 * MICROS - 1)
    assert limiter.look(_of(MINUTE)).states[0].remaining == 0
    turned.turn_to_micros(NOON + 60 * MICROS)
    assert limiter.look(_of(MINUTE)).states[0].remaining == 1


@pytest.mark.parametrize("cost", [0, -1, 10**10])
def test_a_cost_that_is_none_is_refused(limiter: RateLimiter, cost: int) -> None:
    with pytest.raises(ValueError, match=r"^cost: must be"):
        limiter.take(_of(MINUTE), cost)


def test_two_windows_of_one_name_cannot_be_told_apart(limiter: RateLimiter) -> None:
    with pytest.raises(ValueError, match=r"^windows: each needs a name"):
        limiter.take([*_of(MINUTE), *_of(MINUTE, key="ip:10.0.0.1")])


def test_where_nothing_is_limited_everything_is_allowed(limiter: RateLimiter) -> None:
    assert limiter.take([]).allowed
    assert limiter.take([Bucket("key:a", ())]).allowed


def test_a_higher_limit_lets_in_at_once_and_a_lower_one_refuses_at_once(limiter: RateLimiter) -> None:
    higher = (Window("minute", 4, 60, "log"), Window("hour", 6, 3600, "counter"), Burst("at-once", 1, 10, 6))
    limiter.take(_of(MINUTE, HOUR), cost=3)
    limiter.take(_of(AT_ONCE), cost=2)
    assert not limiter.take(_of(MINUTE, HOUR, AT_ONCE)).allowed
    decision = limiter.take(_of(*higher))
    assert decision.allowed
    assert [one.remaining for one in decision.states] == [0, 2, 3]
    lower = limiter.take(_of(Window("minute", 1, 60, "log"), Window("hour", 2, 3600, "counter"), AT_ONCE))
    assert lower.violated == ("minute", "hour", "at-once")
    assert [one.remaining for one in lower.states] == [0, 0, 0]


def test_a_lowered_log_lets_in_once_enough_of_it_has_left(turned: TurnedMicros, limiter: RateLimiter) -> None:
    for second in range(5):
        turned.turn_to_micros(NOON + second * MICROS)
        assert limiter.take(_of(Window("minute", 5, 60, "log"))).allowed
    assert limiter.take(_of(Window("minute", 2, 60, "log"))).retry_after_seconds == 59  # the fourth of five leaves


@pytest.mark.parametrize("window", [MINUTE, HOUR, AT_ONCE])
def test_a_window_expires_when_it_is_as_good_as_new(expiring: TurnedMicros, window: AnyWindow) -> None:
    decision = RateLimiter(expiring, prefix=PREFIX).take(_of(window), cost=2)
    [key] = [key for key in expiring.scan_iter(f"{PREFIX}*") if key != f"{PREFIX}taken".encode()]
    lives_ms = expiring.pttl(key)
    assert 0 < lives_ms <= decision.states[0].reset_seconds * 1000


def test_a_log_keeps_no_more_entries_than_its_limit(turned: TurnedMicros, limiter: RateLimiter) -> None:
    for step in range(100):
        turned.turn_to_micros(NOON + step * 7 * MICROS)
        limiter.take(_of(Window("minute", 5, 60, "log")))
        assert turned.llen(f"{PREFIX}log:key:a:minute") <= 5


def test_a_clock_that_is_turned_back_lets_in_no_more_than_the_limit(turned: TurnedMicros, limiter: RateLimiter) -> None:
    limits = (Window("minute", 3, 60, "log"), Window("hour", 3, 3600, "counter"), Burst("at-once", 1, 3600, 3))
    assert limiter.take(_of(*limits), cost=2).allowed
    turned.turn_to_micros(NOON - 10 * MICROS)
    assert limiter.take(_of(*limits)).allowed
    decision = limiter.take(_of(*limits))
    assert decision.violated == ("minute", "hour", "at-once")
    turned.turn_to_micros(NOON + 50 * MICROS)
    assert "minute" in limiter.look(_of(*limits)).violated
    turned.turn_to_micros(NOON - 10 * MICROS + round(decision.retry_after_seconds * MICROS))
    assert limiter.take(_of(*limits)).allowed


def test_takes_are_counted_by_class_and_a_refusal_for_those_that_refused(limiter: RateLimiter) -> None:
    buckets = [*_of(AT_ONCE), *_of(MINUTE, key="ip:10.0.0.1", counted_as="ip")]
    for _ in range(3):
        limiter.take(buckets)
    limiter.look(buckets)
    assert limiter.statistics() == {"ip": Taken(allowed=2, refused=0), "key": Taken(allowed=2, refused=1)}


def test_statistics_are_bounded_and_what_is_too_much_is_counted_as_other(limiter: RateLimiter) -> None:
    for number in range(200):
        limiter.take(_of(MINUTE, key=f"key:{number}", counted_as=f"class-{number}"))
    told = limiter.statistics()
    assert len(told) <= 130
    assert sum(one.allowed for one in told.values()) == 200
    assert told["other"].allowed > 0


@profile(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 6), st.lists(st.integers(0, 25), min_size=20, max_size=60))
def test_a_counter_lets_in_less_than_twice_its_limit_in_any_window(
    turned: TurnedMicros, limit: int, pauses: list[int]
) -> None:
    turned.flushdb()
    limiter, now, seconds, allowed = RateLimiter(turned, prefix=PREFIX), NOON, 60, list[int]()
    for pause in pauses:
        now += pause * MICROS
        turned.turn_to_micros(now)
        allowed += [now] * limiter.take(_of(Window("counter", limit, seconds, "counter"))).allowed
    for first in allowed:
        assert sum(first <= at < first + seconds * MICROS for at in allowed) <= 2 * limit - 1


def test_a_counter_may_let_in_nine_at_a_limit_of_five(turned: TurnedMicros, limiter: RateLimiter) -> None:
    window = Window("counter", 5, 60, "counter")
    turned.turn_to_micros(NOON + 59_900_000)
    assert limiter.take(_of(window), cost=5).allowed
    for second in range(72, 120, 12):
        turned.turn_to_micros(NOON + second * MICROS - 100_000)
        assert not limiter.take(_of(window)).allowed
        turned.turn_to_micros(NOON + second * MICROS)
        assert limiter.take(_of(window)).allowed


windows = st.one_of(
    st.builds(Window, st.just("log"), st.integers(1, 6), st.floats(0.01, 100), st.just("log")),
    st.builds(Window, st.just("counter"), st.integers(1, 6), st.floats(0.01, 100), st.just("counter")),
    st.builds(Burst, st.just("burst"), st.integers(1, 7), st.floats(0.01, 100), st.integers(1, 6)),
)


@profile(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(windows, min_size=1, max_size=3, unique_by=lambda window: window.name),
    st.lists(st.integers(0, 40 * MICROS), min_size=20, max_size=20),
    st.integers(1, 3),
)
def test_a_single_client_that_waits_as_told_is_let_in_and_not_a_microsecond_before(
    turned: TurnedMicros, limits: list[AnyWindow], pauses: list[int], cost: int
) -> None:
    turned.flushdb()
    limiter, now = RateLimiter(turned, prefix=PREFIX), NOON
    for pause in pauses:
        turned.turn_to_micros(now)
        decision = limiter.take(_of(*limits), cost)
        assert decision.can_ever_succeed == (cost <= min(window.limit for window in limits))
        if not decision.allowed and decision.can_ever_succeed:
            now += round(decision.retry_after_seconds * MICROS)
            turned.turn_to_micros(now - 1)
            assert not limiter.take(_of(*limits), cost).allowed
            turned.turn_to_micros(now)
            assert limiter.take(_of(*limits), cost).allowed
        now += pause
