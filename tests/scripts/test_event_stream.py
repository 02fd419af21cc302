"""Server-sent events, whatever way they are cut."""

from __future__ import annotations

import pytest

from scripts.event_stream import ServerEvent, read_events

WIRE = "event: token\nid: 7\ndata: {\ndata: é}\n\n: still here\n\nretry: 1000\n\ndata:x\n\nid\ndata\n\ndata: cut off\n"
EVENTS = [
    ServerEvent("token", "{\né}", "7"),
    None,
    ServerEvent("message", "x"),
    ServerEvent("message", "", ""),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_events_are_read_from_pieces_of_any_size_and_what_was_cut_off_is_none(size: int, line_end: str) -> None:
    wire = WIRE.replace("\n", line_end).encode() + b"x"

    events = list(read_events(wire[start : start + size] for start in range(0, len(wire), size)))

    assert events == EVENTS
