"""How much of an input is read at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.batches.batch_input import BatchInput
from api.batches.run_order import PLACE
from storage.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.at(f"file://{tmp_path}")


def written(storage: Storage, lengths: list[int]) -> BatchInput:
    """An input whose lines run in the reverse of their order; the line of a number holds its digit, again and again."""
    offset, packed = 0, []
    with storage.create("in") as writer:
        for number, length in enumerate(lengths, start=1):
            writer.write(str(number).encode() * length + b"\n")
            packed.append(PLACE.pack(offset, length, number))
            offset += length + 1
    with storage.create("order") as writer:
        writer.write(b"".join(reversed(packed)))
    return BatchInput(storage=storage, input_name="in", order_name="order")


@pytest.mark.parametrize(
    ("lengths", "position", "numbers"),
    [
        ([5] * 9, 0, [9, 8, 7, 6]),
        ([5] * 9, 7, [2, 1]),
        ([1_500_000] * 9, 0, [9, 8]),
        ([1_500_000, 5, 5, 1_500_000, 5_000_000], 0, [5]),
        ([1_500_000, 5, 5, 1_500_000, 5_000_000], 1, [4, 3, 2, 1]),
    ],
    ids=["as many as are asked for", "up to the last", "a few long ones", "one at least", "all that are held"],
)
def test_lines_are_read_as_far_as_they_may_be_held(
    storage: Storage, lengths: list[int], position: int, numbers: list[int]
) -> None:
    lines = written(storage, lengths).next_lines(position, 4)

    assert [place.number for place, _ in lines] == numbers
    assert [raw for _, raw in lines] == [str(number).encode() * lengths[number - 1] for number in numbers]
