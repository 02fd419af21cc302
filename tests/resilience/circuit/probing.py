"""Real processes that ask one circuit, driven line by line (prober.py)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resilience.circuit.settings import CircuitSettings

SETTINGS = CircuitSettings(
    failure_threshold=5, open_seconds=0.2, open_cap_seconds=0.2, probes=3, probe_lease_seconds=20, jitter=0
)
_ROOT = Path(__file__).resolve().parents[3]


class Prober:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self) -> None:
        """Have all threads ask; how many were let through is heard next."""
        assert self._process.stdin is not None
        self._process.stdin.write("ask\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(timeout=60)


@contextmanager
def prober(
    url: str, key: str, *, threads: int, lease_seconds: float = SETTINGS.probe_lease_seconds
) -> Iterator[Prober]:
    """A process that is ready; it ends with the block."""
    command = [sys.executable, "-m", "tests.resilience.circuit.prober", url, key, str(threads), str(lease_seconds)]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        one = Prober(process)
        try:
            assert one.hear() == "ready"
            yield one
        finally:
            one.kill()
