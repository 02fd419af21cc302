"""The lines of a file that comes in chunks, none of which need end where a line does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SPACE = b" \t\r"


@dataclass(slots=True)
class RawLine:
    """A line without the line feed at its end; `number` is counted from 1, `offset` and `length` are bytes.

    Of one that is too long `text` is None.
    """

    number: int
    offset: int
    length: int
    text: bytes | None


def raw_lines(chunks: Iterable[bytes], *, longest: int) -> Iterator[RawLine]:
    """Every line that is not blank; a byte order mark in front of the first is passed over.

    Blank lines are counted, so that the numbers are those of an editor. Holds one chunk and one line at a time.
    """
    head, chunks = _head(iter(chunks))
    offset = len(BYTE_ORDER_MARK) if head.startswith(BYTE_ORDER_MARK) else 0
    number, skipped, rest = 1, 0, b""
    for chunk in chain([head[offset:]], chunks):
        pieces = (rest + chunk).split(b"\n")
        rest = pieces.pop()
        for piece in pieces:
            length = skipped + len(piece)
            yield from _line(number, offset, length, None if skipped else piece, longest)
            number, offset, skipped = number + 1, offset + length + 1, 0
        if skipped or len(rest) > longest:
            skipped, rest = skipped + len(rest), b""
    yield from _line(number, offset, skipped + len(rest), None if skipped else rest, longest)


def _head(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Enough of the file to see whether it begins with a byte order mark, and what comes behind it."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= len(BYTE_ORDER_MARK):
            break
    return head, chunks


def _line(number: int, offset: int, length: int, text: bytes | None, longest: int) -> Iterator[RawLine]:
    if text is None or length > longest:
        yield RawLine(number, offset, length, None)
    elif text.strip(_SPACE):
        yield RawLine(number, offset, length, text)
