"""A process that outlives `frontier up` when that is killed, to end the children it leaves behind.

`Guardian` is the end that `up` holds; the process itself is `python -m scripts.guardian`. `up` writes
which children it has into a pipe. The pipe closes when `up` ends, however it ends; what is then still
written down is ended in the order of its stages. The process also holds the lock on the data folder, so
that nobody starts another server on the same files before the last one is gone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.paths import CHECKOUT
from scripts.processes import is_running

LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A child: the leader of its own process group. Higher stages are ended first."""

    pid: int
    stage: int
    grace_seconds: float


class Guardian:
    """Starts the process, tells it of the children, and starts another if it is killed itself."""

    def __init__(self, *, log: Path, leftover: Path, lock_descriptor: int | None = None) -> None:
        """Log to *log*; *leftover* is a file that shall be gone when `up` is."""
        self._log = log
        self._leftover = leftover
        self._inherited = () if lock_descriptor is None else (lock_descriptor,)
        self._wards: dict[int, Ward] = {}
        self._process = self._start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def add(self, ward: Ward) -> None:
        self._wards[ward.pid] = ward
        self._tell("+", ward)

    def discard(self, pid: int) -> None:
        if ward := self._wards.pop(pid, None):
            self._tell("-", ward)

    def check(self) -> None:
        """Start the process again if it has ended."""
        if self._process.poll() is not None:
            self._close_pipe()
            self._process = self._start()
            for ward in self._wards.values():
                self._tell("+", ward)

    def close(self) -> None:
        """Let the process end; returns when it has, with every child that was still written down."""
        self._close_pipe()
        self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "scripts.guardian", str(self._leftover)],
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                bufsize=0,
                start_new_session=True,
                pass_fds=self._inherited,
            )

    def _tell(self, verb: str, ward: Ward) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{verb} {json.dumps(asdict(ward))}\n".encode())

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


def end_group(pid: int) -> None:
    """Kill whatever is left of the process group that *pid* leads."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _end_all(wards: Sequence[Ward]) -> None:
    for stage in sorted({ward.stage for ward in wards}, reverse=True):
        _end([ward for ward in wards if ward.stage == stage])


def _end(wards: Sequence[Ward]) -> None:
    for ward in wards:
        with suppress(ProcessLookupError):
            os.kill(ward.pid, signal.SIGTERM)
    began = time.monotonic()
    left = list(wards)
    while left:
        elapsed = time.monotonic() - began
        ended = [ward for ward in left if elapsed >= ward.grace_seconds or not is_running(ward.pid)]
        for ward in ended:
            end_group(ward.pid)
        left = [ward for ward in left if ward not in ended]
        time.sleep(LOOK_SECONDS)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    wards: dict[int, Ward] = {}
    for line in sys.stdin:
        verb, _, told = line.partition(" ")
        ward = Ward(**json.loads(told))
        if verb == "+":
            wards[ward.pid] = ward
        else:
            wards.pop(ward.pid, None)
    _end_all(list(wards.values()))
    Path(sys.argv[1]).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
