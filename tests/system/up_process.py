"""A `frontier up` of a test's own, in a folder and on a port of its own."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from api.limit_settings import NO_LIMITS
from scripts import paths
from scripts.client import FrontierClient
from scripts.patience import Patience
from scripts.ports import free_port
from scripts.processes import is_running

DEADLINE_SECONDS = 90.0
OURS_TO_SET = ("FRONTIER_DATA_DIR", "HOST", "PORT", "REDIS_URL", "TRUTHGPT_API_TOKEN")


class UpProcess:
    """The process, what it prints, and everything it has started."""

    def __init__(
        self, folder: Path, config: Path, *options: str, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = folder
        self.port = port or free_port()
        self.output = ""
        self._family: dict[int, psutil.Process] = {}
        environment = {name: value for name, value in os.environ.items() if name not in OURS_TO_SET}
        command = [sys.executable, "-m", "scripts.cli", "up", "--data-dir", str(folder), "--port", str(self.port)]
        self._process = subprocess.Popen(
            [*command, *options],
            env={**environment, "TRUTHGPT_CONFIG": str(config), "SHUTDOWN_GRACE_S": "2", **NO_LIMITS, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )

    def read_until(self, *patterns: str, seconds: float = DEADLINE_SECONDS) -> list[str]:
        """What matches each pattern, in whichever order, in the output since the last call."""
        deadline = time.monotonic() + seconds
        while not all(matches := [re.search(pattern, self.output) for pattern in patterns]):
            assert self._read(deadline), f"there was not {patterns}:\n{self.output}"
        found = [match for match in matches if match]
        self.output = self.output[max(match.end() for match in found) :]
        return [match[0] for match in found]

    def read_to_the_end(self) -> int:
        """The exit code; the rest of what was printed is in `output`."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._read(deadline):
            pass
        return self._process.wait(DEADLINE_SECONDS)

    def send(self, number: signal.Signals) -> None:
        """A signal to `frontier up` itself; remembers who runs, for `survivors`."""
        for process in psutil.Process(self._process.pid).children(recursive=True):
            self._family[process.pid] = process
        self._process.send_signal(number)

    def survivors(self) -> list[psutil.Process]:
        """What still runs of all that ran at the last `send`, when there has been time enough to end."""
        psutil.wait_procs(self._family.values(), timeout=DEADLINE_SECONDS)
        return [process for process in self._family.values() if is_running(process.pid)]

    def child(self, name: str) -> int:
        """The pid of a child, as others are told it."""
        return self.children()[name]

    def children(self) -> Mapping[str, int]:
        """The pids of those that run now, by name."""
        running = paths.read_running(self.data_dir)
        assert running is not None
        return running.children

    @property
    def client(self) -> FrontierClient:
        patience = Patience(seconds=DEADLINE_SECONDS, first_answer_seconds=DEADLINE_SECONDS)
        return FrontierClient(f"http://127.0.0.1:{self.port}", paths.read_token(self.data_dir), patience=patience)

    def close(self) -> None:
        """However the test went, leave nothing behind."""
        if self._process.poll() is None:
            self.send(signal.SIGKILL)
        self._process.wait()
        for process in self.survivors():
            process.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self, deadline: float) -> bool:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        read: bytes = self._process.stdout.read(65536)
        self.output += read.decode(errors="replace")
        return bool(read)


@contextmanager
def echo_up(folder: Path, config: str, *, env: Mapping[str, str] | None = None) -> Iterator[UpProcess]:
    """A `frontier up` of the model `echo` that the text *config* describes, from when it is ready."""
    path = folder / "models.yaml"
    path.write_text(config)
    up = UpProcess(folder / "data", path, "--model", "echo", env=env)
    try:
        up.read_until("echo is ready")
        yield up
    finally:
        up.close()
