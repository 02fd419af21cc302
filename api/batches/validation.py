"""Looks through the input of a batch, in one pass and with little of it in memory, before any of it is queued."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from api.batches.limits import BatchLimits
from api.batches.line_error import LineError, LineRefused
from api.batches.lines import Line, LineReader
from api.batches.raw_lines import RawLine, raw_lines
from api.batches.run_order import LinePlace, RunOrder
from api.cut_text import LONGEST_FIELD, cut

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidInput:
    """An input whose every line a job can be made of; all ask for `model`, by the name in the catalog."""

    lines: int
    model: str
    order: RunOrder


class InputRefused(Exception):
    """Raised for an input that is not run; `errors` say why, in the order of its lines."""

    def __init__(self, errors: Iterable[LineError]) -> None:
        self.errors = tuple(errors)
        super().__init__(f"{len(self.errors)} errors, the first: {self.errors[0].message}")


class _Enough(Exception):
    """No more of the input needs to be read."""


@dataclass(slots=True)
class _Pass:
    """One pass through an input, up to the line at hand."""

    reader: LineReader
    limits: BatchLimits
    count: int = 0
    model: str | None = None
    errors: list[LineError] = field(default_factory=list)
    order: RunOrder = field(default_factory=RunOrder)
    _error_bytes: int = 0
    _numbers: dict[bytes, int] = field(default_factory=dict)

    def take(self, raw: RawLine) -> None:
        """Look at one line; raises _Enough if those behind it need not be looked at."""
        self.count += 1
        if self.count > self.limits.lines:
            self._refuse_whole("too_many_lines", f"has more than the {self.limits.lines} lines that are accepted")
        if raw.text is None:
            message = f"Has {raw.length} bytes; {self.limits.line_bytes} are accepted in one line."
            self._refuse([LineError.at(raw.number, message, code="line_too_long")])
            return
        try:
            line = self.reader.read(raw.text, raw.number)
        except LineRefused as error:
            self._refuse(error.errors)
            return
        self._refuse(self._differences(line))
        self.order.add(LinePlace(raw.offset, raw.length, raw.number), line.request)

    def counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks, while they are no more than the input may have."""
        total = 0
        for chunk in chunks:
            total += len(chunk)
            if total > self.limits.bytes:
                self._refuse_whole("file_too_large", f"has more than the {self.limits.bytes} bytes that are accepted")
            yield chunk

    def _differences(self, line: Line) -> Iterator[LineError]:
        """What makes the line no part of this batch, good as it is."""
        digest = hashlib.blake2b(line.custom_id.encode(), digest_size=_DIGEST_BYTES).digest()
        first = self._numbers.setdefault(digest, line.number)
        if first != line.number:
            name = cut(repr(line.custom_id), LONGEST_FIELD)
            message = f"{name} is that of line {first} too; each line needs its own."
            yield LineError.at(line.number, message, code="duplicate_custom_id", param="custom_id")
        self.model = self.model or line.model.name
        if line.model.name != self.model:
            message = f"Is {line.model.name}; the lines before ask for {self.model}, and a batch is for one model."
            yield LineError.at(line.number, message, code="mismatched_model", param="body.model")

    def _refuse(self, errors: Iterable[LineError]) -> None:
        for error in errors:
            self._error_bytes += error.bytes
            if self.errors and self._error_bytes > self.limits.error_bytes:
                raise _Enough
            self.errors.append(error)
            if len(self.errors) >= self.limits.errors:
                raise _Enough

    def _refuse_whole(self, code: str, message: str) -> None:
        self.errors = [*self.errors[: self.limits.errors - 1], LineError(code=code, message=f"The file {message}.")]
        raise _Enough


def validate(chunks: Iterable[bytes], reader: LineReader, limits: BatchLimits) -> ValidInput:
    """The input that comes in *chunks*, with the order to run it in; raises InputRefused for any that is not good."""
    one = _Pass(reader, limits)
    try:
        for raw in raw_lines(one.counted(chunks), longest=limits.line_bytes):
            one.take(raw)
        if not one.count:
            one.errors.append(LineError(code="empty_file", message="The file has no lines."))
    except _Enough:
        pass
    if one.errors or one.model is None:
        raise InputRefused(one.errors)
    return ValidInput(lines=one.count, model=one.model, order=one.order)
