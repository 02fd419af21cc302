"""Tells whoever watches `frontier up` on a terminal what its programs log and is worth knowing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.text import Text

from scripts.log_files import LogFiles
from scripts.log_line import RANKS, LogLine

LOOK_SECONDS = 0.3
MOST_PER_LOOK = 12
ROUTINE = frozenset(
    {"request", "job_accepted", "message_skipped", "delivery_attempted", "worker_joined", "sender_joined"}
)
"""What comes with every request, message or start; `frontier logs` shows it."""


class LogTeller:
    """Watches from a thread of its own, which ends with the process."""

    def __init__(self, folder: Path, *, say: Callable[[Text], None]) -> None:
        self._files = LogFiles(folder)
        self._say = say

    def start(self) -> None:
        """Tell what is written from now on."""
        self._files.skip()
        threading.Thread(target=self._run, name="log-teller", daemon=True).start()

    def look(self) -> None:
        """Tell what has come, but for so much that nobody could read it."""
        found = [line for line in self._files.read() if is_worth_telling(line)]
        for line in found[:MOST_PER_LOOK]:
            self._say(line.painted(self._files.columns))
        if len(found) > MOST_PER_LOOK:
            more = len(found) - MOST_PER_LOOK
            self._say(Text(f"… and {more:,} more lines; `frontier logs` shows them.", "dim"))

    def _run(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()


def is_worth_telling(line: LogLine) -> bool:
    if line.entry is None or line.rank < RANKS["INFO"]:
        return False
    is_server = str(line.entry.get("logger", "")).startswith("gunicorn")
    return line.rank > RANKS["INFO"] or (line.entry["event"] not in ROUTINE and not is_server)
