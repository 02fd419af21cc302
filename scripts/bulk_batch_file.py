"""Lines of a bulk run as the file of one batch, and which line of the run stands where in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Self

from scripts.batch_lines import input_line
from scripts.bulk_input import Line
from scripts.generation import Generation

MOST_BYTES = 190_000_000


class BatchFile:
    """The file at `path`; `numbers` are the lines of the run in it, in their order."""

    def __init__(self, path: Path, numbers: list[int]) -> None:
        self.path = path
        self.numbers = numbers

    @classmethod
    def of(cls, lines: Iterable[Line], path: Path, *, generation: Generation, model: str, most_lines: int) -> Self:
        """So many of *lines* as a batch may have; those behind are not taken."""
        numbers, written = list[int](), 0
        with path.open("wb") as file:
            for line in lines:
                written += file.write(input_line(line, generation, model))
                numbers.append(line.number)
                if len(numbers) == most_lines or written > MOST_BYTES:
                    break
        return cls(path, numbers)

    def leave_out(self, places: Collection[int]) -> None:
        """Write it anew without the lines at *places*, counted from 1."""
        rest = self.path.with_suffix(".rest")
        with self.path.open("rb") as before, rest.open("wb") as after:
            after.writelines(raw for place, raw in enumerate(before, 1) if place not in places)
        rest.replace(self.path)
        self.numbers = [number for place, number in enumerate(self.numbers, 1) if place not in places]
