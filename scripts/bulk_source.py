"""Where the prompts of a bulk run come from: a file of JSON or CSV, or a stream of either."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scripts.bulk_csv_input import BrokenCsv, read_rows
from scripts.bulk_files import STREAM, UnusableFile
from scripts.bulk_input import BLOCK_BYTES, BadLine, Line, read_lines
from scripts.bulk_prompt import PromptMaker


@dataclass(frozen=True, slots=True)
class Survey:
    """An input file before it is run: how many lines it has, and a digest of its content."""

    lines: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """The file at *path*, `-` for stdin; *prompt* makes the prompt of each line."""

    path: Path
    is_csv: bool
    prompt: PromptMaker

    @property
    def name(self) -> str:
        return "stdin" if self.path == STREAM else str(self.path)

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Raises UnusableFile."""
        if self.path == STREAM:
            yield sys.stdin.buffer
            return
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise UnusableFile(f"cannot read {self.path}: {error.strerror}") from error
        with file:
            yield file

    def lines(self, file: BinaryIO) -> Iterator[Line | BadLine]:
        """Every line of *file*, good or bad; never holds more than one in memory. Of CSV it may raise BrokenCsv."""
        return read_rows(file, self.prompt) if self.is_csv else read_lines(file, self.prompt)

    def survey(self) -> Survey | None:
        """How many lines there are, and which; None if reading the file would use it up. Raises UnusableFile."""
        if not self.path.is_file():
            return None
        with self.opened() as file:
            digest, newlines, last = hashlib.sha256(), 0, b"\n"
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
                newlines += block.count(b"\n")
                last = block[-1:]
            lines = self._rows(file) if self.is_csv else newlines + (last != b"\n")
        return Survey(lines, digest.hexdigest())

    def _rows(self, file: BinaryIO) -> int:
        file.seek(0)
        try:
            return sum(1 for _ in self.lines(file))
        except BrokenCsv as error:
            raise UnusableFile(f"{self.path}: {error}") from None
