"""In which order the lines of a batch run: those whose prompts begin alike stand next to each other.

The order is kept beside the batch as packed places, 16 bytes for each line, of which a runner reads a slice at a time.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from jobs.request import InferenceRequest, RequestType

PLACE = struct.Struct("<QII")
"""Of a line: its offset in the file, its length and its number."""

_BLOCK_CHARACTERS = 128
_MOST_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class LinePlace:
    """Where a line stands in the input."""

    offset: int
    length: int
    number: int

    @property
    def stop(self) -> int:
        return self.offset + self.length


@dataclass(slots=True)
class RunOrder:
    """Takes lines as they come in the file, some hundred bytes of each, and puts them in order."""

    _lines: list[tuple[bytes, bytes]] = field(default_factory=list)

    def add(self, place: LinePlace, request: InferenceRequest) -> None:
        self._lines.append((prefix_key(request), PLACE.pack(place.offset, place.length, place.number)))

    def packed(self) -> Iterator[bytes]:
        """The places in the order to run; lines that begin alike stay in that of the file."""
        self._lines.sort(key=lambda line: line[0])
        return (place for _, place in self._lines)


def unpacked(packed: bytes) -> list[LinePlace]:
    """The places of a slice of an order that begins and ends between two of them."""
    return [LinePlace(*place) for place in PLACE.iter_unpack(packed)]


def prefix_key(request: InferenceRequest) -> bytes:
    """Sorts prompts so that those with the longest common beginning are neighbours; embeddings have none to share.

    The first 128 characters stand for themselves. Behind them a checksum stands for each block of so many of a message,
    up to 64 blocks, so that prompts with the same messages in front agree as far as these go.
    """
    if request.type is RequestType.EMBEDDING:
        return b""
    texts = [f"{message.role}\0{message.content}" for message in request.messages] or [request.prompt]
    first, *blocks = islice(chain.from_iterable(map(_blocks, texts)), 1 + _MOST_BLOCKS)
    checksums = [zlib.crc32(block.encode()).to_bytes(4, "big") for block in blocks]
    return b"".join([first.encode(), b"\0", *checksums])


def _blocks(text: str) -> Iterator[str]:
    return (text[at : at + _BLOCK_CHARACTERS] for at in range(0, len(text), _BLOCK_CHARACTERS))
