from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.snippet import MOST_CHARACTERS, snippet


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", ""),
        (b'{"ok": true}', '{"ok": true}'),
        ("größer ✓".encode(), "größer ✓"),
        (b"two\r\nlines\tand\x00\x1b[31m", r"two\r\nlines\tand\x00\x1b[31m"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("a\u202eb\u2028c".encode(), r"a\u202eb\u2028c"),
        (b"cut \xe2\x82", r"cut \xe2\x82"),
    ],
)
def test_what_cannot_be_shown_is_escaped(body: bytes, shown: str) -> None:
    assert snippet(body) == shown


def test_a_character_that_the_end_cuts_in_two_is_left_out() -> None:
    assert snippet(b"a" * 1023 + "€".encode()) == "a" * 1023


@given(st.binary(max_size=3000))
def test_a_snippet_is_short_and_can_be_printed_whatever_came(body: bytes) -> None:
    found = snippet(body)
    assert len(found) <= MOST_CHARACTERS
    assert found.isprintable()
