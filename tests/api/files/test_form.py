"""Forms: however they are cut into pieces they are read the same, and what is none is refused."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import InvalidRequest, MalformedBody, UnsupportedBody
from api.files.form import boundary_of, parts_of
from tests.api.files.shelves import BOUNDARY, FILE, PURPOSE, Part, form, in_pieces


def read(pieces: Iterable[bytes], boundary: str = BOUNDARY) -> list[Part]:
    return [(part.name, part.filename, b"".join(part.data)) for part in parts_of(iter(pieces), boundary.encode())]


@given(value=st.binary(max_size=300), length=st.integers(1, 64))
def test_any_bytes_come_through_any_pieces(value: bytes, length: int) -> None:
    sent: tuple[Part, ...] = (("file", "a.bin", value), PURPOSE)

    assert read(in_pieces(form(*sent), length)) == list(sent)


@given(
    pieces=st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--", b"a-boundary", BOUNDARY.encode(), b"x"]), max_size=40),
    length=st.integers(1, 9),
)
def test_what_resembles_a_boundary_is_none(pieces: list[bytes], length: int) -> None:
    value = b"".join(pieces).replace(b"--" + BOUNDARY.encode(), b"")

    assert read(in_pieces(form(("file", "a.bin", value)), length)) == [("file", "a.bin", value)]


def test_a_part_whose_data_is_not_taken_is_passed_over() -> None:
    names = [part.name for part in parts_of(iter([form(FILE, PURPOSE, FILE)]), BOUNDARY.encode())]

    assert names == ["file", "purpose", "file"]


def test_a_file_is_handed_on_before_the_next_piece_is_asked_for() -> None:
    body = form(("file", "large", b"x" * 1_000_000))
    asked = 0

    def pieces() -> Iterable[bytes]:
        nonlocal asked
        for piece in in_pieces(body, 1000):
            asked += 1
            yield piece

    part = next(parts_of(iter(pieces()), BOUNDARY.encode()))
    taken = next(part.data)

    assert len(taken) < 1000
    assert asked <= 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "ends before its last boundary"),
        (b"no form at all", "ends before its last boundary"),
        (form(FILE, PURPOSE, ending=""), "ends before its last boundary"),
        (form(FILE, PURPOSE, boundary="another"), "ends before its last boundary"),
        (form(FILE)[:-30], "ends before its last boundary"),
        (form(("file", "x" * 400_000, b"")), "too long"),
        (b"x" * 400_000, "too long"),
        (form(FILE) + b"x" * 400_000, "too long"),
        (f"--{BOUNDARY}\r\nX-Header: 1\r\n\r\nvalue\r\n--{BOUNDARY}--\r\n".encode(), "no well-formed multipart"),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nv\r\n--{BOUNDARY}--".encode(), "without a name"),
        (form(("file", "a", b"")).replace(b'"a"', b'"\xff"'), "no well-formed multipart"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(MalformedBody, match=words):
        read(in_pieces(body, 65_536))


def test_a_field_is_short_and_text() -> None:
    def text(value: bytes) -> str:
        return next(parts_of(iter([form(("purpose", None, value))]), BOUNDARY.encode())).text()

    assert text("für".encode()) == "für"
    with pytest.raises(InvalidRequest, match="purpose: is not UTF-8"):
        text(b"\xff")
    with pytest.raises(InvalidRequest, match="purpose: is longer than 1024 bytes"):
        text(b"x" * 1025)


@pytest.mark.parametrize(
    ("mimetype", "boundary"),
    [
        ("application/json", None),
        ("multipart/form-data", None),
        ("multipart/form-data", ""),
        ("multipart/mixed", "b"),
        ("multipart/form-data", "b" * 201),
        ("multipart/form-data", "ü"),
    ],
)
def test_a_form_says_where_its_parts_end(mimetype: str, boundary: str | None) -> None:
    with pytest.raises(UnsupportedBody, match="Content-Type"):
        boundary_of(mimetype, boundary)
