from __future__ import annotations

import re

import pytest

from jobs.traceparent import child_traceparent, from_record, parse_traceparent, span_id, to_record

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def child(given: str | None, number: int = 1, event_id: str = "evt_1") -> str:
    return child_traceparent(given, span_id("dlv_1", number), event_id=event_id)


def test_an_attempt_is_a_span_of_its_own_in_the_job_s_trace() -> None:
    assert child(GIVEN) == f"00-4bf92f3577b34da6a3ce929d0e0e4736-{span_id('dlv_1', 1)}-01"
    assert child(GIVEN, 2) != child(GIVEN)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "nonsense",
        GIVEN.upper(),
        GIVEN.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    ],
)
def test_without_a_trace_all_attempts_of_an_event_share_one(given: str | None) -> None:
    first, second, other = child(given), child(given, 2), child(given, event_id="evt_2")
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", first)
    assert first.split("-")[1] == second.split("-")[1] != other.split("-")[1]


@pytest.mark.parametrize("is_traced", [True, False])
def test_a_record_tells_a_span_of_ours_from_one_that_came_in(is_traced: bool) -> None:  # noqa: FBT001 - either
    assert from_record(to_record(GIVEN, is_traced=is_traced)) == (GIVEN, is_traced)


@pytest.mark.parametrize("kept", ["", "nonsense-r", "-r"])
def test_what_a_record_has_that_cannot_be_read_is_none(kept: str) -> None:
    assert from_record(kept) == (None, False)


def test_no_client_can_send_the_mark() -> None:
    assert parse_traceparent(f"{GIVEN}-r") is None
