"""Whether a process measures, and where it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from jobs.environment import Environment, SettingError, between

ENABLE = "ENABLE_METRICS"
HOST = "METRICS_HOST"
PORT = "METRICS_PORT"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Without `are_on` nothing is measured. With a `port` the page is told there too, to whoever reaches `host`."""

    are_on: bool = True
    host: str = "127.0.0.1"
    port: int | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/metrics.md. Raises SettingError."""
        reader, usual = Environment(env), cls()
        are_on = reader.bool(ENABLE, default=usual.are_on)
        host = reader.str(HOST, usual.host)
        port = reader.int(PORT, None, validate=_is_port)
        reader.check()
        if port is None and env.get(HOST):
            raise SettingError(f"{HOST}: is where {PORT} listens; set that too.")
        return cls(are_on=are_on, host=host, port=port)


def _is_port(port: int | None) -> None:
    if port is not None:
        between(1, 65_535)(port)
