"""What a worker is told by its environment."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jobs.settings import SettingError, StoreSettings, positive_integer, positive_seconds
from models.catalog import Catalog, ModelConfig

MARGIN_SHARE = 8
DEFAULT_CONFIG = Path(__file__).resolve().parent.parent / "configs" / "llm_default.yaml"


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """One worker: one model on one device."""

    model: ModelConfig
    worker: str
    slots: int
    redis_url: str = "redis://localhost:6379/0"
    flush_timeout_seconds: float = 0.02
    shutdown_grace_seconds: float = 10.0
    watchdog_seconds: float = 120.0
    events: bool = False
    store: StoreSettings

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError or the catalog's error."""
        catalog = Catalog.load(Path(env.get("TRUTHGPT_CONFIG") or DEFAULT_CONFIG))
        name = env.get("FRONTIER_MODEL", catalog.default.name)
        model = catalog.resolve(name)
        if model is None:
            raise SettingError("FRONTIER_MODEL", name, "one of " + ", ".join(catalog.models))
        return cls(
            model=model,
            worker=env.get("FRONTIER_WORKER_NAME", f"{model.name}@{socket.gethostname()}"),
            slots=model.slots or positive_integer(env, "BATCH_MAX_SIZE", 32),
            redis_url=env.get("REDIS_URL", cls.redis_url),
            flush_timeout_seconds=positive_seconds(env, "BATCH_FLUSH_TIMEOUT_MS", 20) / 1000,
            shutdown_grace_seconds=positive_seconds(env, "SHUTDOWN_GRACE_S", cls.shutdown_grace_seconds),
            watchdog_seconds=positive_seconds(env, "FRONTIER_WATCHDOG_S", cls.watchdog_seconds),
            events=env.get("CELERY_EVENTS", "").lower() in ("1", "true", "yes"),
            store=StoreSettings.from_env(env),
        )

    @property
    def concurrency(self) -> int:
        """Threads of the pool: the slots, and the few jobs that wait inside the worker to take a free one."""
        return self.slots + max(2, self.slots // MARGIN_SHARE)
