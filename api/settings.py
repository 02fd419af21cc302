"""What an operator can set for an API process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from marshmallow import ValidationError

from api.console.settings import ConsoleSettings
from api.edge_settings import EdgeSettings
from api.files.settings import FileSettings
from api.limit_settings import LimitSettings
from jobs.access.hashing import KeyHasher
from jobs.environment import Environment, SettingError, between
from jobs.webhooks.sealing import Sealer
from models.catalog import SHIPPED_CONFIG, config_file
from observability.metrics.settings import PORT as METRICS_PORT
from observability.metrics.settings import MetricsSettings
from observability.tracing.settings import UNTRACED, TracingSettings
from resilience.circuit.settings import CircuitSettings
from resilience.egress.guard import EgressRules
from resilience.egress.settings import egress_rules_from_env
from resilience.failpoints import ArmedFailpoint, failpoints_from_env
from resilience.result_cache.settings import BACKEND, CacheSettings

IN_MEMORY = FileSettings(url="memory://files")
CLOSED = EgressRules()
UNPEPPERED = KeyHasher()
BARE = EdgeSettings()
UNCACHED = CacheSettings(backend="none")
USUAL_LIMITS = LimitSettings()
USUAL_CONSOLE = ConsoleSettings()
USUAL_CIRCUITS = CircuitSettings()
USUAL_METRICS = MetricsSettings()
_TOKEN = re.compile(r"[\x21-\x7e]+")
_REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """Read once per process; `token` is the operator's key, everything else has a default.

    Without a `sealer` no secret is stored, and so nothing is accepted that needs one.
    """

    token: str
    redis_url: str = "redis://localhost:6379/0"
    config: Path = SHIPPED_CONFIG
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    max_body_bytes: int = 1024 * 1024
    body_seconds: float = 10.0
    graceful_seconds: int = 30
    streams_per_key: int = 256
    streams_per_process: int = 2048
    stream_seconds: float = 900.0
    stall_seconds: float = 20.0
    foreground_seconds: float = 600.0
    edge: EdgeSettings = BARE
    limits: LimitSettings = USUAL_LIMITS
    egress: EgressRules = CLOSED
    sealer: Sealer | None = None
    hasher: KeyHasher = UNPEPPERED
    key_env: str = "live"
    cache: CacheSettings = UNCACHED
    circuits: CircuitSettings = USUAL_CIRCUITS
    files: FileSettings = IN_MEMORY
    metrics: MetricsSettings = USUAL_METRICS
    tracing: TracingSettings = UNTRACED
    console: ConsoleSettings = USUAL_CONSOLE
    failpoints: tuple[ArmedFailpoint, ...] = ()

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Take the settings from *env*; raises one SettingError for all that is wrong."""
        reader = Environment(env)
        settings: dict[str, Any] = {
            "token": reader.str("TRUTHGPT_API_TOKEN", validate=_is_token),
            "redis_url": reader.str("REDIS_URL", cls.redis_url, validate=_is_redis_url),
            "config": config_file(env),
            "host": reader.str("HOST", cls.host, validate=_is_host),
            "port": reader.int("PORT", cls.port, validate=between(1, 65_535)),
            "workers": reader.int("API_WORKERS", cls.workers, validate=between(1, 64)),
            "max_body_bytes": reader.int(
                "API_MAX_BODY_BYTES", cls.max_body_bytes, validate=between(1024, 64 * 1024 * 1024)
            ),
            "body_seconds": reader.float("API_BODY_SECONDS", cls.body_seconds, validate=between(0.1, 600)),
            "graceful_seconds": reader.int("API_GRACEFUL_SECONDS", cls.graceful_seconds, validate=between(0, 600)),
            "streams_per_key": reader.int("API_STREAMS_PER_KEY", cls.streams_per_key, validate=between(1, 100_000)),
            "streams_per_process": reader.int(
                "API_STREAMS_PER_PROCESS", cls.streams_per_process, validate=between(1, 100_000)
            ),
            "stream_seconds": reader.float("API_STREAM_SECONDS", cls.stream_seconds, validate=between(1, 86_400)),
            "stall_seconds": reader.float("API_STREAM_STALL_S", cls.stall_seconds, validate=between(0.1, 600)),
            "foreground_seconds": reader.float(
                "API_FOREGROUND_S", cls.foreground_seconds, validate=between(0.1, 86_400)
            ),
            "key_env": reader.str("API_KEY_ENV", cls.key_env, validate=_is_key_env),
        }
        reader.check()
        cache = CacheSettings.from_env(env)
        if cache.backend == "memory" and settings["workers"] > 1:
            raise SettingError(
                f"{BACKEND}: memory is for a single API process, so that an erased result is erased; "
                "set API_WORKERS=1, or redis."
            )
        metrics = MetricsSettings.from_env(env)
        if metrics.port == settings["port"]:
            raise SettingError(f"{METRICS_PORT}: must be another port than PORT.")
        return cls(
            **settings,
            metrics=metrics,
            cache=cache,
            edge=EdgeSettings.from_env(env),
            limits=LimitSettings.from_env(env),
            files=FileSettings.from_env(env),
            console=ConsoleSettings.from_env(env),
            egress=egress_rules_from_env(env),
            sealer=Sealer.from_env(env),
            hasher=KeyHasher.from_env(env),
            circuits=CircuitSettings.from_env(env),
            tracing=TracingSettings.from_env(env, speaks_grpc=False),
            failpoints=failpoints_from_env(env),
        )


def _is_token(value: str) -> None:
    if not _TOKEN.fullmatch(value):
        raise ValidationError("Give the key that clients send as a Bearer token: visible ASCII, no spaces.")


def _is_key_env(value: str) -> None:
    if not re.fullmatch(r"[a-z0-9]{1,16}", value):
        raise ValidationError("Must be up to 16 lower-case letters and digits, such as live or test.")


def _is_redis_url(value: str) -> None:
    if urlsplit(value).scheme not in _REDIS_SCHEMES:
        raise ValidationError("Must look like redis://HOST:PORT/DATABASE, rediss://... or unix://PATH.")


def _is_host(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", value):
        raise ValidationError("Must be an address to listen on, such as 127.0.0.1 or 0.0.0.0.")
