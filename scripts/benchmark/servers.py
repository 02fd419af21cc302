"""Servers of the benchmark's own: started for a measurement, ended after it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.settings import Durability
from scripts import redis_server
from scripts.ports import free_port

END_SECONDS = 60.0


@contextmanager
def redis(folder: Path, *, durability: Durability = "everysec") -> Iterator[str]:
    """A Redis server with its files in *folder*, which is made; its URL."""
    folder.mkdir(parents=True)
    port = free_port()
    command = redis_server.command(redis_server.find_binary(), port=port, data_dir=folder, durability=durability)
    with (folder / "redis.log").open("wb") as log, running(subprocess.Popen(command, stdout=log, stderr=log)) as server:
        redis_server.wait_until_ready(redis_server.url(port), is_alive=lambda: server.poll() is None)
        yield redis_server.url(port)


@contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End the process at the end of the block: as an operator would, and with force if that takes too long."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
