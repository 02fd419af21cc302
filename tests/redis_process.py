"""A Redis server of the tests' own, which faults may be done to."""

from __future__ import annotations

import subprocess
from pathlib import Path

from jobs.settings import Durability
from scripts import redis_server
from scripts.ports import free_port


class RedisProcess:
    """One real server on a port of its own; its data outlive `kill` and, where each write is synced, lack nothing."""

    def __init__(self, data_dir: Path, binary: Path | None = None, *, durability: Durability = "strict") -> None:
        self.port = free_port()
        self.url = redis_server.url(self.port)
        self._command = redis_server.command(
            binary or redis_server.find_binary(), port=self.port, data_dir=data_dir, durability=durability
        )
        self._log = data_dir / "redis.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start the server and return when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        process = self._process
        redis_server.wait_until_ready(self.url, is_alive=lambda: process.poll() is None)

    def stop(self) -> None:
        """End the server as a user would."""
        self._end(kill=False)

    def kill(self) -> None:
        """End the server as a power cut would: no handler runs."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        self._process.wait(timeout=60)
        self._process = None
