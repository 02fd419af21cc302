from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from api.batches.limits import BatchLimits
from api.batches.line_error import LineError
from api.batches.lines import LineReader
from api.batches.run_order import unpacked
from api.batches.validation import InputRefused, ValidInput, validate
from tests.api.batches.conftest import line_of

Validate = Callable[..., ValidInput]
Refusal = Callable[..., list[LineError]]


@pytest.fixture
def validated(reader: Callable[..., LineReader]) -> Validate:
    def check(data: bytes, *, chunk: int = 1000, **limits: int) -> ValidInput:
        chunks = (data[at : at + chunk] for at in range(0, len(data), chunk))
        return validate(chunks, reader(), BatchLimits(**limits))

    return check


@pytest.fixture
def refused(validated: Validate) -> Refusal:
    def check(data: bytes, **limits: int) -> list[LineError]:
        with pytest.raises(InputRefused) as refusal:
            validated(data, **limits)
        return list(refusal.value.errors)

    return check


def file_of(*lines: bytes, end: bytes = b"\n") -> bytes:
    return b"".join(line + end for line in lines)


def numbered(count: int) -> list[bytes]:
    return [line_of(f"q-{number}") for number in range(1, count + 1)]


@pytest.mark.parametrize(
    "data",
    [
        file_of(*numbered(3)),
        file_of(*numbered(3)).rstrip(),
        file_of(*numbered(3), end=b"\r\n"),
        b"\xef\xbb\xbf" + file_of(*numbered(3)),
        file_of(b"", *numbered(2), b"  ", line_of("q-3"), b"\t"),
    ],
    ids=["plain", "no last line end", "CRLF", "byte order mark", "blank lines"],
)
def test_a_good_file_is_taken_however_its_lines_end(validated: Validate, data: bytes) -> None:
    valid = validated(data)

    assert (valid.lines, valid.model) == (3, "poet")
    places = unpacked(b"".join(valid.order.packed()))
    named = [json.loads(data[place.offset : place.stop])["custom_id"] for place in places]
    assert sorted(named) == ["q-1", "q-2", "q-3"]


def test_a_model_may_be_asked_for_by_any_of_its_names(validated: Validate) -> None:
    assert validated(file_of(line_of("a"), line_of("b", body={"model": "gpt-4o"}))).model == "poet"


def test_a_bad_line_among_many_is_told_by_its_number(refused: Refusal) -> None:
    lines = numbered(5000)
    lines[4998] = line_of("q-4999", body={"temperature": "hot"})

    (error,) = refused(file_of(*lines))

    assert (error.line, error.param) == (4999, "body.temperature")
    assert error.message == "Line 4999: body.temperature: Must be a number from 0 to 2."


def test_a_second_line_of_the_same_name_is_refused(refused: Refusal) -> None:
    (error,) = refused(file_of(line_of("a"), b"", line_of("b"), line_of("a")))

    assert (error.code, error.line, error.param) == ("duplicate_custom_id", 4, "custom_id")
    assert "'a' is that of line 1 too" in error.message


def test_a_batch_is_for_one_model(refused: Refusal) -> None:
    (error,) = refused(file_of(line_of("a"), line_of("b", body={"model": "clerk"}), line_of("c")))

    assert (error.code, error.line, error.param) == ("mismatched_model", 2, "body.model")


def test_all_lines_that_are_wrong_are_told_up_to_a_bound(refused: Refusal) -> None:
    lines = numbered(300)
    lines[2:250] = [b"{}"] * 248

    errors = refused(file_of(*lines))

    assert len(errors) == 100
    assert [error.line for error in errors[:5]] == [3, 3, 3, 3, 4]


def test_what_is_told_of_a_bad_file_is_short_whatever_it_holds(refused: Refusal) -> None:
    names = [f"{number}" + "\N{GRINNING FACE}" * 300 for number in range(100)]
    lines = [line_of(f"q-{number}", body=dict.fromkeys(names, 1)) for number in range(2)]

    errors = refused(file_of(*lines))

    assert 10 < len(errors) < 100
    assert len(json.dumps([error.document() for error in errors])) <= 64 * 1024


def test_the_name_of_a_line_is_told_cut_and_of_which_line_it_is(refused: Refusal) -> None:
    (error,) = refused(file_of(line_of("\N{LEFT-TO-RIGHT MARK}" * 512), line_of("\N{LEFT-TO-RIGHT MARK}" * 512)))

    assert "is that of line 1 too" in error.message
    assert len(error.message) <= 500


def test_no_more_is_read_than_tells_that_enough_is_wrong(reader: Callable[..., LineReader]) -> None:
    read = []

    def chunks() -> Iterator[bytes]:
        for number in range(1000):
            read.append(number)
            yield b"{\n"

    with pytest.raises(InputRefused):
        validate(chunks(), reader(), BatchLimits(errors=10))

    assert len(read) == 10


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_lines_is_refused(refused: Refusal, data: bytes) -> None:
    (error,) = refused(data)

    assert (error.code, error.line) == ("empty_file", None)


def test_as_many_lines_are_taken_as_may_be(validated: Validate, refused: Refusal) -> None:
    assert validated(file_of(*numbered(5)), lines=5).lines == 5
    (error,) = refused(file_of(*numbered(6)), lines=5)
    assert (error.code, error.line) == ("too_many_lines", None)
    assert "more than the 5 lines" in error.message


def test_as_many_bytes_are_taken_as_may_be(validated: Validate, refused: Refusal) -> None:
    data = file_of(*numbered(5))

    assert validated(data, bytes=len(data)).lines == 5
    (error,) = refused(data, bytes=len(data) - 1)
    assert error.code == "file_too_large"


def test_a_line_may_be_as_long_as_lines_may_be(validated: Validate, refused: Refusal) -> None:
    lines = [line_of("a"), line_of("bb"), line_of("c")]

    assert validated(file_of(*lines), line_bytes=len(lines[1])).lines == 3
    (error,) = refused(file_of(*lines), line_bytes=len(lines[0]))
    assert (error.code, error.line) == ("line_too_long", 2)


def test_bytes_that_are_no_text_are_told_with_their_place(refused: Refusal) -> None:
    (error,) = refused(file_of(line_of("a"), b'{"custom_id": "\xff"}'))

    assert (error.code, error.line) == ("invalid_json_line", 2)
    assert error.message == "Line 2: is not UTF-8 at byte 15"


def test_the_order_of_a_file_is_the_same_each_time(validated: Validate) -> None:
    data = file_of(*(line_of(f"q-{number}", body={"seed": number % 7}) for number in range(50)))

    first = list(validated(data).order.packed())

    assert list(validated(data, chunk=77).order.packed()) == first
