"""What a worker is told by its environment."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from jobs.environment import Environment, SettingError, between
from jobs.probe_settings import ProbeSettings
from jobs.settings import StoreSettings
from models.catalog import Catalog, ModelConfig, config_file
from observability.metrics.settings import MetricsSettings
from observability.tracing.settings import UNTRACED, TracingSettings
from resilience.circuit.settings import CircuitSettings
from resilience.failpoints import ArmedFailpoint, failpoints_from_env
from resilience.result_cache.settings import CacheSettings

MARGIN_SHARE = 8
UNCACHED = CacheSettings(backend="none")


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """One worker: one model on one device."""

    model: ModelConfig
    worker: str
    slots: int
    redis_url: str = "redis://localhost:6379/0"
    flush_timeout_ms: float = 20.0
    shutdown_grace_seconds: float = 10.0
    watchdog_seconds: float = 120.0
    events: bool = False
    store: StoreSettings
    circuits: CircuitSettings = field(default_factory=CircuitSettings)
    upstream_key: str | None = field(default=None, repr=False)
    cache: CacheSettings = UNCACHED
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    tracing: TracingSettings = UNTRACED
    failpoints: tuple[ArmedFailpoint, ...] = ()
    probe: ProbeSettings = field(default_factory=ProbeSettings)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError or the catalog's error."""
        catalog = Catalog.load(config_file(env))
        reader = Environment(env)
        name = reader.str("FRONTIER_MODEL", catalog.default.name)
        model = catalog.resolve(name)
        if model is None:
            raise SettingError(f"FRONTIER_MODEL: {name!r} is not one of {', '.join(catalog.models)}.")
        settings = cls(
            model=model,
            worker=reader.str("FRONTIER_WORKER_NAME", f"{model.name}@{socket.gethostname()}"),
            slots=model.slots or reader.int("BATCH_MAX_SIZE", 32, validate=between(1, 4096)),
            redis_url=reader.str("REDIS_URL", cls.redis_url),
            flush_timeout_ms=reader.float("BATCH_FLUSH_TIMEOUT_MS", cls.flush_timeout_ms, validate=between(0, 10_000)),
            shutdown_grace_seconds=reader.seconds("SHUTDOWN_GRACE_S", cls.shutdown_grace_seconds),
            watchdog_seconds=reader.seconds("FRONTIER_WATCHDOG_S", cls.watchdog_seconds),
            events=reader.bool("CELERY_EVENTS", default=False),
            store=StoreSettings.from_env(env),
            circuits=CircuitSettings.from_env(env),
            upstream_key=model.upstream_key(env),
            cache=CacheSettings.from_env(env),
            metrics=MetricsSettings.from_env(env),
            tracing=TracingSettings.from_env(env, speaks_grpc=True),
            failpoints=failpoints_from_env(env),
            probe=ProbeSettings.from_env(env),
        )
        reader.check()
        return settings

    @property
    def concurrency(self) -> int:
        """Threads of the pool: the slots, the few jobs that wait inside the worker for a free one, and newcomers."""
        return self.slots + 2 * max(2, self.slots // MARGIN_SHARE)
