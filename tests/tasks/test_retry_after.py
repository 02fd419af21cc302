from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.retry_after import seconds_asked_for

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()


def asked(told: str, status: int = 503) -> float | None:
    return seconds_asked_for(status, {"Content-Type": "text/plain", "Retry-After": told}, now=NOW)


@pytest.mark.parametrize("status", [429, 503])
def test_seconds_and_dates_are_understood(status: int) -> None:
    assert asked("120", status) == 120
    assert asked(" 0 ", status) == 0
    assert asked("Sun, 01 Mar 2026 12:02:00 GMT", status) == 120


def test_a_date_that_is_over_asks_for_no_time() -> None:
    assert asked("Sun, 01 Mar 2020 12:02:00 GMT") == 0


@pytest.mark.parametrize("status", [200, 302, 404, 410, 500, 502])
def test_other_answers_ask_for_nothing(status: int) -> None:
    assert asked("120", status) is None


def test_the_header_is_found_however_it_is_written() -> None:
    assert seconds_asked_for(429, {"retry-AFTER": "7"}, now=NOW) == 7
    assert seconds_asked_for(429, {}, now=NOW) is None


@pytest.mark.parametrize(
    "garbage", ["", "soon", "-5", "1e9", "inf", "nan", "5, 6", "9" * 13, "Mon, 99 Foo 2026 99:99:99 GMT", "١٢"]
)
def test_garbage_is_ignored(garbage: str) -> None:
    assert asked(garbage) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d( [+-]\d{2,6}| GMT)?"))
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
def test_whatever_is_told_gives_a_time_that_is_not_negative_or_none(told: str) -> None:
    found = asked(told)
    assert found is None or 0 <= found < 1e12


@given(st.datetimes(min_value=datetime(2026, 3, 2), max_value=datetime(9998, 1, 1)))  # noqa: DTZ001 - made aware below
def test_every_date_of_http_is_understood(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert asked(format_datetime(moment, usegmt=True)) == moment.timestamp() - NOW
