"""What a runner of batches is told by its environment."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from api.batches.limits import BatchLimits
from api.files.settings import FileSettings
from jobs.environment import Environment, between
from jobs.probe_settings import ProbeSettings
from jobs.settings import StoreSettings
from models.catalog import Catalog, config_file
from observability.metrics.settings import MetricsSettings
from observability.tracing.settings import UNTRACED, TracingSettings
from resilience.circuit.settings import CircuitSettings
from resilience.failpoints import ArmedFailpoint, failpoints_from_env
from resilience.result_cache.settings import CacheSettings


@dataclass(frozen=True, kw_only=True)
class RunnerSettings:
    """One runner; it runs up to `batches` at a time, with files at `files_url`."""

    runner: str
    files_url: str
    catalog: Catalog
    batches: int = 32
    redis_url: str = "redis://localhost:6379/0"
    events: bool = False
    limits: BatchLimits = field(default_factory=BatchLimits)
    store: StoreSettings = field(default_factory=StoreSettings)
    circuits: CircuitSettings = field(default_factory=CircuitSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    tracing: TracingSettings = UNTRACED
    failpoints: tuple[ArmedFailpoint, ...] = ()
    probe: ProbeSettings = field(default_factory=ProbeSettings)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError or CatalogError."""
        reader = Environment(env)
        runner = reader.str("FRONTIER_WORKER_NAME", f"batches@{socket.gethostname()}")
        batches = reader.int("BATCH_CONCURRENCY", cls.batches, validate=between(1, 256))
        redis_url = reader.str("REDIS_URL", cls.redis_url)
        events = reader.bool("CELERY_EVENTS", default=False)
        reader.check()
        return cls(
            runner=runner,
            files_url=FileSettings.from_env(env).url,
            catalog=Catalog.load(config_file(env)),
            batches=batches,
            redis_url=redis_url,
            events=events,
            limits=BatchLimits.from_env(env),
            store=StoreSettings.from_env(env),
            circuits=CircuitSettings.from_env(env),
            cache=CacheSettings.from_env(env),
            metrics=MetricsSettings.from_env(env),
            tracing=TracingSettings.from_env(env, speaks_grpc=True),
            failpoints=failpoints_from_env(env),
            probe=ProbeSettings.from_env(env),
        )
