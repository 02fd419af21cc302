"""Connections to Redis that notice a dead link, and the checks of the server at start."""

from __future__ import annotations

from typing import Any

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from jobs.errors import UnsupportedServer
from jobs.scripts import unavailable_as_our_error
from jobs.settings import Durability

CONNECT_SECONDS = 2.0

_OLDEST_SERVER = (7, 0)


def connect(
    url: str, *, max_connections: int = 64, socket_timeout_seconds: float = 5.0, wait_seconds: float = 5.0
) -> redis.Redis:
    """A client over a bounded pool of connections.

    One retry replaces a pooled connection that a restarted server has closed; every move may be
    repeated, so a blind replay is safe. Beyond `max_connections` callers wait for a free one, so long.
    """
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=wait_seconds,
        socket_timeout=socket_timeout_seconds,
        socket_connect_timeout=min(CONNECT_SECONDS, socket_timeout_seconds),
        socket_keepalive=True,
        health_check_interval=10,
        retry=Retry(ConstantBackoff(0.05), 1),
    )
    return redis.Redis(connection_pool=pool)


def check_server(client: redis.Redis, *, durability: Durability) -> None:
    """Raise UnsupportedServer for a server on which jobs could be lost, StoreUnavailable if none answers."""
    with unavailable_as_our_error():
        info: Any = client.info()
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < _OLDEST_SERVER:
        raise UnsupportedServer(f"Redis {info['redis_version']} is too old: 7.0 or Valkey is needed")
    if info.get("cluster_enabled"):
        raise UnsupportedServer("Redis Cluster is not supported: one job spans several keys; use one primary")
    policy = info.get("maxmemory_policy", "noeviction")
    if info.get("maxmemory") and policy != "noeviction":
        raise UnsupportedServer(f"maxmemory-policy is {policy}: Redis would evict jobs; set it to noeviction")
    if durability == "strict":
        _check_strict(client, info)


def _check_strict(client: redis.Redis, info: dict[str, Any]) -> None:
    if not info.get("aof_enabled"):
        raise UnsupportedServer("FRONTIER_DURABILITY=strict needs a server with appendonly yes")
    with unavailable_as_our_error():
        [known] = client.execute_command("COMMAND INFO", "WAITAOF")  # type: ignore[no-untyped-call]
    if known is None:
        raise UnsupportedServer("FRONTIER_DURABILITY=strict needs the command WAITAOF: Redis 7.2, or Valkey")
