"""The log of one child process: what it printed, within bounds."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LIMIT_BYTES = 16 * 2**20
TAIL_BYTES = 16 * 2**10


@dataclass
class LogFile:
    """Keeps at most two times `limit_bytes`: the file itself and the one before it (`.1`)."""

    path: Path
    limit_bytes: int = LIMIT_BYTES
    _start: int = field(default=0, init=False)

    def open(self) -> IO[bytes]:
        """The file to append to, for a child that starts now."""
        self.trim()
        stream = self.path.open("ab")
        self._start = stream.tell()
        return stream

    def trim(self) -> None:
        """Move what there is aside once it is too much; a process may go on writing meanwhile.

        What is written between the copy and the cut is lost, which a log can bear.
        """
        try:
            if self.path.stat().st_size <= self.limit_bytes:
                return
            shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
            with self.path.open("r+b") as stream:
                stream.truncate(0)
        except FileNotFoundError:
            return
        self._start = 0

    def tail(self, lines: int) -> list[str]:
        """The last lines that were written since `open`, blank ones left out."""
        try:
            with self.path.open("rb") as stream:
                end = stream.seek(0, 2)
                stream.seek(max(self._start, end - TAIL_BYTES))
                text = stream.read().decode(errors="replace")
        except FileNotFoundError:
            return []
        return [_plain(line.rstrip()) for line in text.splitlines() if line.strip()][-lines:]


def _plain(line: str) -> str:
    """A structured log line as its event and, where it has one, its reason."""
    try:
        entry = json.loads(line)
        event = entry["event"]
    except (ValueError, TypeError, KeyError):
        return line
    return f"{event}: {entry['reason']}" if "reason" in entry else str(event)
