"""The lines of a batch that is under way, read where the input lies, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from api.batches.run_order import PLACE, LinePlace, unpacked
from storage.storage import Storage

_LARGEST_GAP = 64 * 1024
_MOST_BYTES = 4 * 1024 * 1024
"""Of what is read or held at once, one line apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchInput:
    """`input_name` and `order_name` are what the file and the order of its lines lie under in the storage."""

    storage: Storage
    input_name: str
    order_name: str

    def next_lines(self, position: int, most: int) -> list[tuple[LinePlace, bytes]]:
        """The lines from *position* in the order on: *most* at most, at least one, and no more than 4 MiB of them.

        Raises FileGone or StorageTrouble.
        """
        places = unpacked(self._read(self.order_name, position * PLACE.size, (position + most) * PLACE.size))
        held = sum(total <= _MOST_BYTES for total in accumulate(place.length for place in places))
        places = places[: max(1, held)]
        return list(zip(places, self._lines(places), strict=True))

    def _lines(self, places: Sequence[LinePlace]) -> list[bytes]:
        """The lines at *places*, in their order; neighbours in the file are read at once."""
        texts: dict[int, bytes] = {}
        for group in _neighbours(places):
            start = group[0].offset
            data = self._read(self.input_name, start, group[-1].stop)
            for place in group:
                texts[place.offset] = data[place.offset - start : place.stop - start]
        return [texts[place.offset] for place in places]

    def _read(self, name: str, start: int, stop: int) -> bytes:
        return b"".join(self.storage.read(name, start, stop))


def _neighbours(places: Sequence[LinePlace]) -> list[list[LinePlace]]:
    """The places by their offset, in groups that are worth one read."""
    groups: list[list[LinePlace]] = []
    for place in sorted(places, key=lambda one: one.offset):
        if groups and _is_worth(groups[-1], place):
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _is_worth(group: Sequence[LinePlace], place: LinePlace) -> bool:
    return place.offset - group[-1].stop <= _LARGEST_GAP and place.stop - group[0].offset <= _MOST_BYTES
