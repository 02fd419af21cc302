from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.batches.raw_lines import BYTE_ORDER_MARK, RawLine, raw_lines

LONGEST = 12
FILES = st.text("ab {}\n\r\ufeff\u20ac", max_size=60).map(str.encode)


def chunked(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(FILES, st.integers(1, 20))
def test_lines_are_the_same_in_whatever_chunks_they_come(data: bytes, size: int) -> None:
    whole = list(raw_lines([data], longest=LONGEST))

    assert list(raw_lines(chunked(data, size), longest=LONGEST)) == whole


@given(FILES, st.integers(1, 20))
def test_lines_are_those_of_the_file_with_the_numbers_that_an_editor_shows(data: bytes, size: int) -> None:
    seen = data.removeprefix(BYTE_ORDER_MARK)
    expected = {number: text for number, text in enumerate(seen.split(b"\n"), start=1) if text.strip(b" \t\r")}

    found = list(raw_lines(chunked(data, size), longest=LONGEST))

    assert [line.number for line in found] == list(expected)
    for line in found:
        text = expected[line.number]
        assert data[line.offset : line.offset + line.length] == text
        assert line.text == (text if len(text) <= LONGEST else None)


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n \n\t", BYTE_ORDER_MARK])
def test_a_file_of_blank_lines_has_none(data: bytes) -> None:
    assert list(raw_lines([data], longest=LONGEST)) == []


def test_a_line_that_is_too_long_is_passed_over() -> None:
    chunks = [*[b"x" * 1000] * 1000, b"\nok"]

    assert list(raw_lines(chunks, longest=LONGEST)) == [
        RawLine(1, 0, 1_000_000, None),
        RawLine(2, 1_000_001, 2, b"ok"),
    ]
