"""The forms in which results are written: JSON lines that hold all, or CSV for spreadsheets.

What is written can be read again, also when its writer was killed in the middle of a row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

from scripts.api_errors import problem_sentence
from scripts.bulk_outcome import NOT_OURS, Outcome

COLUMNS = (
    "line",
    "id",
    "status",
    "text",
    "finish_reason",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "error_type",
    "error",
)
COUNTS = COLUMNS[5:8]


class FormName(StrEnum):
    """What `--format` takes."""

    JSONL = "jsonl"
    CSV = "csv"

    @classmethod
    def of(cls, output: Path) -> FormName:
        """The form that a file's name tells."""
        return cls.CSV if output.suffix.lower() == ".csv" else cls.JSONL


class Form(Protocol):
    """*head* stands before the first row."""

    head: bytes

    def row(self, outcome: Outcome) -> bytes:
        """What is written of an outcome, whole lines."""

    def rows(self, file: BinaryIO) -> Iterator[bytes]:
        """Head and rows as they were written; the last may be torn."""

    def is_whole(self, row: bytes) -> bool:
        """Whether what `rows` has given was written to its end."""

    def outcome(self, row: bytes) -> Outcome:
        """What `row` was made of; raises ValueError for anything else."""


class JsonLines:
    """An outcome is a line of JSON."""

    head = b""

    def row(self, outcome: Outcome) -> bytes:
        return outcome.as_bytes()

    def rows(self, file: BinaryIO) -> Iterator[bytes]:
        return iter(file)

    def is_whole(self, row: bytes) -> bool:
        return row.endswith(b"\n")

    def outcome(self, row: bytes) -> Outcome:
        return Outcome.from_bytes(row)


class CsvRows:
    """An outcome is a row; a problem is told in words. Inside of quotes a row may have line breaks."""

    def __init__(self) -> None:
        self.head = _row(COLUMNS)

    def row(self, outcome: Outcome) -> bytes:
        usage, error = outcome.usage or {}, outcome.error or {}
        counts = [_cell(usage.get(name)) for name in COUNTS]
        told = (str(error.get("type") or ""), problem_sentence(error)) if error else ("", "")
        cells = [str(outcome.line), *map(_cell, (outcome.id, outcome.status, outcome.text, outcome.finish_reason))]
        return _row([*cells, *counts, *told])

    def rows(self, file: BinaryIO) -> Iterator[bytes]:
        """Within quotes the number of quotes so far is odd, for those of a text are doubled."""
        row = b""
        for line in file:
            row += line
            if self.is_whole(row):
                yield row
                row = b""
        if row:
            yield row

    def is_whole(self, row: bytes) -> bool:
        return row.endswith(b"\n") and row.count(b'"') % 2 == 0

    def outcome(self, row: bytes) -> Outcome:
        if not self.is_whole(row):
            raise ValueError(NOT_OURS)
        try:
            (cells,) = csv.reader(io.StringIO(row.decode(), newline=""), strict=True)
            told = dict(zip(COLUMNS, cells, strict=True))
            return Outcome(
                line=int(told["line"]),
                status=told["status"],
                id=told["id"] or None,
                text=told["text"] or None,
                finish_reason=told["finish_reason"] or None,
                usage={name: int(told[name]) for name in COUNTS if told[name]} or None,
                error={"type": told["error_type"], "title": told["error"]} if told["error"] else None,
            )
        except (ValueError, csv.Error) as error:
            raise ValueError(NOT_OURS) from error


def form_of(name: FormName) -> Form:
    return CsvRows() if name is FormName.CSV else JsonLines()


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _row(cells: Sequence[str]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written).writerow(cells)
    return written.getvalue().encode(errors="backslashreplace")
