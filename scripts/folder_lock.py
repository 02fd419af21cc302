"""One `frontier up` per data folder."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from scripts.processes import is_running

LOOK_SECONDS = 0.1


class FolderTaken(Exception):
    """Raised when another `frontier up` uses the folder; the message says which process."""


class FolderLock:
    """Held until every process that inherited `descriptor` has closed it or ended."""

    def __init__(self, folder: Path, *, wait_seconds: float = 30.0) -> None:
        """Take the lock. A killed holder whose children are still ending is waited for; a living one is not."""
        self.descriptor = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + wait_seconds
        while not self._try():
            holder = self._holder()
            if (holder and is_running(holder)) or time.monotonic() > deadline:
                os.close(self.descriptor)
                who = f" (process {holder})" if holder else ""
                raise FolderTaken(
                    f"Another `frontier up`{who} runs with {folder}; end it, or choose another folder with --data-dir."
                )
            time.sleep(LOOK_SECONDS)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        os.close(self.descriptor)

    def _try(self) -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def _holder(self) -> int | None:
        try:
            return int(os.pread(self.descriptor, 32, 0))
        except ValueError:
            return None
