from __future__ import annotations

import re

import pytest

from tasks.traceparent import child_traceparent

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def child(given: str | None, byte: int = 1, event_id: str = "evt_1") -> str:
    return child_traceparent(given, event_id, lambda count: bytes([byte]) * count)


def test_an_attempt_is_a_span_of_its_own_in_the_job_s_trace() -> None:
    assert child(GIVEN) == "00-4bf92f3577b34da6a3ce929d0e0e4736-0101010101010101-01"
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
