"""What `frontier doctor` asks of things that run: the Redis server, and the API or the port it would take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import redis

from jobs.connection import check_server, connect
from jobs.errors import StoreUnavailable, UnsupportedServer
from scripts import ports, redis_server
from scripts.address_table import without_password
from scripts.api_errors import ApiProblem, ApiUnreachable
from scripts.client import FrontierClient
from scripts.finding import Finding, Level
from scripts.paths import read_running

LOOK_AT_LOGS = "See its log in the folder `logs` of the data folder."


def check_redis(data_dir: Path, env: Mapping[str, str]) -> Iterator[Finding]:
    """The server that REDIS_URL names, or that runs for this folder, or that would be started."""
    running = read_running(data_dir)
    address = env.get("REDIS_URL") or (running.redis_url if running else None)
    if address:
        yield _server_at(address)
        return
    try:
        binary = redis_server.find_binary()
    except redis_server.ServerMissing as error:
        yield Finding("redis", Level.BAD, "there is no server", str(error))
        return
    number = redis_server.version(binary)
    words = f"{binary} {'.'.join(map(str, number)) if number else ''}".rstrip()
    yield Finding("redis", Level.OK, f"{words}, started by `frontier up`")


def _server_at(address: str) -> Finding:
    shown = without_password(address)
    try:
        with closing(connect(address, max_connections=1)) as client:
            check_server(client, durability="everysec")
            info = client.info()
    except (StoreUnavailable, redis.RedisError) as error:
        return Finding("redis", Level.BAD, f"{shown} does not answer: {error}", "Start it, or correct REDIS_URL.")
    except (UnsupportedServer, ValueError) as error:
        return Finding("redis", Level.BAD, f"{shown}: {error}", "Correct it, or unset REDIS_URL to use our own.")
    number = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        advice = "Set maxmemory-policy noeviction: with a memory limit, jobs would be evicted."
        return Finding("redis", Level.WARN, f"{number} at {shown} has the policy {policy}", advice)
    if not info.get("aof_enabled"):
        advice = "Set appendonly yes."
        return Finding("redis", Level.WARN, f"{number} at {shown} may lose jobs when it is killed", advice)
    return Finding("redis", Level.OK, f"{number} at {shown}")


def check_api(data_dir: Path, *, host: str, port: int) -> Iterator[Finding]:
    """The API that runs with this folder; if none does, whether its port is free."""
    running = read_running(data_dir)
    if running is None:
        complaint = ports.complaint(host, port)
        yield Finding("api", Level.OK, "not running")
        words, _, advice = (complaint or f"{port} is free").partition("; ")
        yield Finding("port", Level.BAD if complaint else Level.OK, words, advice.capitalize())
        return
    try:
        _, health = FrontierClient(running.url, token=None).health()
    except (ApiProblem, ApiUnreachable) as error:
        yield Finding("api", Level.BAD, str(error), LOOK_AT_LOGS)
        return
    yield _api(running.url, health)


def _api(url: str, health: Mapping[str, Any]) -> Finding:
    idle = [name for name, facts in health.get("models", {}).items() if not facts.get("workers")]
    failing = [name for name, facts in health.get("models", {}).items() if facts.get("circuit") == "open"]
    if health.get("redis") != "ok":
        return Finding("api", Level.BAD, f"{url} does not reach Redis", LOOK_AT_LOGS)
    if idle:
        return Finding("api", Level.WARN, f"{url} has no worker for {', '.join(idle)}", LOOK_AT_LOGS)
    if failing:
        advice = "Its worker's log says why; it is tried again by itself. `frontier circuits list` says when."
        return Finding("api", Level.WARN, f"{url} leaves alone what fails: {', '.join(failing)}", advice)
    return Finding("api", Level.OK, url)
