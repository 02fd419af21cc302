"""Reads the logs of a deployment's programs together, what was written and what comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.log_line import LogLine, parse_line

SUFFIX = ".log"
NOT_OURS = frozenset({"redis", "guardian"})
"""Programs whose logs are not of our form; who wants them names them."""

LAST_BYTES = 4 * 2**20
"""How far back a file is read."""


@dataclass
class _File:
    program: str
    path: Path
    offset: int = 0
    before: LogLine | None = field(default=None)

    def read(self) -> Iterator[LogLine]:
        """The whole lines that were written since the last time, from its beginning if the file was cut."""
        try:
            with self.path.open("rb") as stream:
                size = stream.seek(0, 2)
                if size < self.offset:
                    self.offset = 0
                stream.seek(self.offset)
                data = stream.read(size - self.offset)
        except FileNotFoundError:
            return
        whole = data.rpartition(b"\n")[0]
        self.offset += len(whole) + 1 if whole else 0
        for text in whole.decode(errors="replace").splitlines():
            if text.strip():
                self.before = parse_line(self.program, text, self.before)
                yield self.before

    def skip(self, most_bytes: int) -> None:
        """Leave out what stands before the last so many bytes, and the line in which they begin."""
        try:
            size = self.path.stat().st_size
            if size > most_bytes:
                with self.path.open("rb") as stream:
                    stream.seek(size - most_bytes)
                    stream.readline()
                    self.offset = stream.tell()
        except FileNotFoundError:
            return


class LogFiles:
    """Those in a folder, also such as come later; of one *program* alone if it is named."""

    def __init__(self, folder: Path, program: str | None = None) -> None:
        self._folder = folder
        self._program = program
        self._files: dict[str, _File] = {}

    @property
    def columns(self) -> int:
        """How many letters the longest name of a program has."""
        return max(map(len, self._files), default=0)

    def programs(self) -> list[str]:
        """All that have a log."""
        return sorted(path.name.removesuffix(SUFFIX) for path in self._folder.glob(f"*{SUFFIX}"))

    def skip(self, most_bytes: int = 0) -> None:
        """Leave out what was written so far, but for so many bytes of each file."""
        for file in self._known():
            file.skip(most_bytes)

    def read(self) -> list[LogLine]:
        """What was written since the last time, by the time at which it was logged."""
        found = [line for file in self._known() for line in file.read()]
        return sorted(found, key=lambda line: line.time)

    def _known(self) -> list[_File]:
        for name in self.programs():
            if name not in self._files and self._is_wanted(name):
                self._files[name] = _File(name, self._folder / f"{name}{SUFFIX}")
        return list(self._files.values())

    def _is_wanted(self, name: str) -> bool:
        return name not in NOT_OURS if self._program is None else name == self._program
