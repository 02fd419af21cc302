"""The lines of a bulk run's input, read one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from scripts.bulk_prompt import PromptMaker

LONGEST_LINE_BYTES = 4 * 1024 * 1024
BLOCK_BYTES = 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A prompt and the number of the line it stood on, counted from 1."""

    number: int
    prompt: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line no job can be made of, and why."""

    number: int
    reason: str


def read_lines(file: BinaryIO, prompt: PromptMaker) -> Iterator[Line | BadLine]:
    """Every line of *file*, good or bad; never holds more than one in memory."""
    number = 0
    while raw := file.readline(LONGEST_LINE_BYTES):
        number += 1
        if len(raw) == LONGEST_LINE_BYTES and not raw.endswith(b"\n"):
            _skip_rest_of_line(file)
            yield BadLine(number, f"the line is longer than {LONGEST_LINE_BYTES} bytes")
        else:
            yield _parse(number, raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw, prompt)


def too_long_as_bad(lines: Iterable[Line | BadLine], longest: int | None) -> Iterator[Line | BadLine]:
    """*lines*, bad ones in the place of those whose prompt has more characters than *longest*."""
    for line in lines:
        if longest is not None and isinstance(line, Line) and len(line.prompt) > longest:
            yield BadLine(line.number, f"the prompt has {len(line.prompt)} characters; the model accepts {longest}")
        else:
            yield line


def _skip_rest_of_line(file: BinaryIO) -> None:
    while (rest := file.readline(BLOCK_BYTES)) and not rest.endswith(b"\n"):
        pass


def _parse(number: int, raw: bytes, prompt: PromptMaker) -> Line | BadLine:
    try:
        return Line(number, prompt.of(_record(raw)))
    except ValueError as error:
        return BadLine(number, str(error))


def _record(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        raise ValueError("the line is empty")
    try:
        record = json.loads(raw.decode())
    except UnicodeDecodeError:
        raise ValueError("the line is not UTF-8") from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the line is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise ValueError("the line is not a JSON object")  # noqa: TRY004 - the caller's data, not its code
    return record
