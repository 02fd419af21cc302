"""The rows of a CSV file, read one at a time, as the lines of a bulk run."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

from scripts.bulk_input import BYTE_ORDER_MARK, LONGEST_LINE_BYTES, BadLine, Line
from scripts.bulk_prompt import PromptMaker


class BrokenCsv(ValueError):
    """Raised where nobody can tell what the rest of the file would mean; names the line."""


def read_rows(file: BinaryIO, prompt: PromptMaker) -> Iterator[Line | BadLine]:
    """Every row below the header, good or bad, by the number of the line that it begins on; blank ones are left out.

    Raises BrokenCsv, at the latest where a row can no longer be told from the next.
    """
    rows = _rows(file)
    at, header = next(rows, (1, list[str]()))
    _check_header(at, header, prompt)
    for number, cells in rows:
        yield _line(number, header, cells, prompt)


def _check_header(number: int, header: list[str], prompt: PromptMaker) -> None:
    for name in prompt.columns:
        if name not in header:
            raise BrokenCsv(f"line {number} has no column {name!r}; it has {', '.join(header) or 'none'}")
        if header.count(name) > 1:
            raise BrokenCsv(f"line {number} has the column {name!r} more than once")


def _line(number: int, header: list[str], cells: list[str], prompt: PromptMaker) -> Line | BadLine:
    if len(cells) != len(header):
        return BadLine(number, f"the row has {len(cells)} cells, and the header {len(header)}")
    try:
        made = prompt.of(dict(zip(header, cells, strict=True)))
        made.encode()
    except UnicodeEncodeError:
        return BadLine(number, "the row is not UTF-8")
    except ValueError as error:
        return BadLine(number, str(error))
    return Line(number, made)


def _rows(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(LONGEST_LINE_BYTES)
    reader = csv.reader(_text(file), strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BrokenCsv(f"line {begins} is no CSV: {error}") from None
        if cells:
            yield begins, cells


def _text(file: BinaryIO) -> Iterator[str]:
    """Lines as they stand there; bytes that are not UTF-8 become what cannot be written as UTF-8 again."""
    number = 0
    while raw := file.readline(LONGEST_LINE_BYTES):
        number += 1
        if len(raw) == LONGEST_LINE_BYTES and not raw.endswith(b"\n"):
            raise BrokenCsv(f"line {number} is longer than {LONGEST_LINE_BYTES} bytes")
        yield (raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw).decode(errors="surrogateescape")
