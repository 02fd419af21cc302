"""Prefer, Idempotency-Key and Retry-After, as they stand in requests and answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import examples
from api.errors import InvalidHeader
from api.idempotency import parse_idempotency_key
from api.job_requests import retry_after
from api.preferences import Preference, parse_prefer
from jobs.job import JobState
from jobs.queues import QueuePlace


@pytest.mark.parametrize(
    ("values", "preference"),
    [
        ([], Preference()),
        (["wait=10"], Preference(10)),
        (["WAIT=10"], Preference(10)),
        (['wait="10"'], Preference(10)),
        (["wait=0"], Preference(0)),
        (["wait=600"], Preference(60)),
        (["respond-async"], Preference(None, is_async=True)),
        (["respond-async, wait=10"], Preference(10, is_async=True)),
        (["respond-async", "wait=10"], Preference(10, is_async=True)),
        (["wait=10; a=b, wait=20"], Preference(10)),
        (["return=minimal; foo, wait = 7"], Preference(7)),
        (["wait"], Preference()),
        (["wait=soon"], Preference()),
        (["wait=-1"], Preference()),
        (["wait=1.5"], Preference()),
        (["wait=" + "9" * 5000], Preference()),
        (["waiting=10"], Preference()),
        (['note="wait=3, wait=4"'], Preference()),
        ([",,;=,"], Preference()),
    ],
)
def test_a_preference_is_read_or_passed_over(values: list[str], preference: Preference) -> None:
    assert parse_prefer(values) == preference


@given(st.text(max_size=60))
def test_no_prefer_header_is_an_error(value: str) -> None:
    parse_prefer([value])


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        ("order-42", "order-42"),
        ('"order-42"', "order-42"),
        (' "order-42" ', "order-42"),
        (r'"a\"b\\c"', 'a"b\\c'),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_key_may_be_bare_or_quoted(header: str | None, key: str | None) -> None:
    assert parse_idempotency_key(header) == key


@given(st.text(max_size=300))
def test_a_key_is_read_or_refused(header: str) -> None:
    with suppress(InvalidHeader):
        key = parse_idempotency_key(header)
        assert key
        assert key.isascii()
        assert len(key) <= 255


@pytest.mark.parametrize(("eta", "seconds"), [(0.0, "1"), (0.2, "1"), (4.2, "5"), (7200.0, "120"), (None, "2")])
def test_clients_are_told_to_return_when_it_may_be_their_turn(eta: float | None, seconds: str) -> None:
    place = QueuePlace(position=1, tokens_ahead=100, eta_seconds=eta)

    assert retry_after(examples.QUEUED, place, now=0) == {"Retry-After": seconds}


@pytest.mark.parametrize(("not_before", "seconds"), [(1004.2, "5"), (999.0, "1"), (9000.0, "120")])
def test_clients_are_told_to_return_when_a_retry_is_due(not_before: float, seconds: str) -> None:
    delayed = replace(examples.QUEUED, not_before=not_before)

    assert retry_after(delayed, None, now=1000) == {"Retry-After": seconds}


def test_a_final_job_asks_nobody_to_return() -> None:
    assert retry_after(replace(examples.QUEUED, state=JobState.CANCELLED), None, now=0) == {}
