"""What a sender of webhooks is told by its environment."""

from __future__ import annotations

import math
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from marshmallow import ValidationError

from jobs.environment import Environment, between
from jobs.probe_settings import ProbeSettings
from jobs.settings import StoreSettings
from jobs.webhooks.receivers import ReceiverRules
from jobs.webhooks.sealing import Sealer
from observability.metrics.settings import MetricsSettings
from observability.tracing.settings import UNTRACED, TracingSettings
from resilience.circuit.settings import CircuitSettings
from resilience.egress.guard import EgressRules
from resilience.egress.post import Limits
from resilience.egress.settings import egress_rules_from_env
from resilience.failpoints import ArmedFailpoint, failpoints_from_env
from tasks.retry_schedule import RetrySchedule

LEASE_MARGIN_SECONDS = 15.0
"""A lease outlasts the longest request, the look-up of its name before it and the record after it."""

_WARN_SHARE = 0.6
_MOST_PAUSES = 50
_LONGEST_PAUSE_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, kw_only=True)
class SenderSettings:
    """One sender; `threads` attempts to deliver are under way at a time."""

    sender: str
    threads: int = 64
    redis_url: str = "redis://localhost:6379/0"
    timeout_seconds: float = 20.0
    schedule: RetrySchedule = field(default_factory=RetrySchedule)
    rules: ReceiverRules = field(default_factory=ReceiverRules)
    egress: EgressRules = field(default_factory=EgressRules)
    events: bool = False
    store: StoreSettings
    circuits: CircuitSettings = field(default_factory=CircuitSettings)
    sealer: Sealer | None = field(default=None, repr=False)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    tracing: TracingSettings = UNTRACED
    failpoints: tuple[ArmedFailpoint, ...] = ()
    probe: ProbeSettings = field(default_factory=ProbeSettings)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError."""
        reader, usual = Environment(env), ReceiverRules()
        pauses = reader.str("WEBHOOK_SCHEDULE", "", validate=_pauses)
        concurrency = reader.int("WEBHOOK_CONCURRENCY", usual.concurrency, validate=between(1, 1000))
        rate = reader.float("WEBHOOK_RATE", usual.rate_per_second, validate=between(0.01, 100_000))
        disable_after = reader.seconds("WEBHOOK_DISABLE_AFTER_S", usual.disable_after_seconds)
        sender = reader.str("FRONTIER_WORKER_NAME", f"webhooks@{socket.gethostname()}")
        threads = reader.int("WEBHOOK_SENDER_THREADS", cls.threads, validate=between(1, 1024))
        redis_url = reader.str("REDIS_URL", cls.redis_url)
        timeout_seconds = reader.float("WEBHOOK_TIMEOUT_S", cls.timeout_seconds, validate=between(0.1, 600))
        events = reader.bool("CELERY_EVENTS", default=False)
        reader.check()
        return cls(
            sender=sender,
            threads=threads,
            redis_url=redis_url,
            timeout_seconds=timeout_seconds,
            schedule=RetrySchedule(_pauses(pauses)) if pauses else RetrySchedule(),
            rules=ReceiverRules(
                concurrency=concurrency,
                rate_per_second=rate,
                disable_after_seconds=disable_after,
                warn_after_seconds=disable_after * _WARN_SHARE,
            ),
            egress=egress_rules_from_env(env),
            events=events,
            store=StoreSettings.from_env(env),
            circuits=CircuitSettings.from_env(env),
            sealer=Sealer.from_env(env),
            metrics=MetricsSettings.from_env(env),
            tracing=TracingSettings.from_env(env, speaks_grpc=True),
            failpoints=failpoints_from_env(env),
            probe=ProbeSettings.from_env(env),
        )

    @property
    def limits(self) -> Limits:
        """No part of a request may take longer than the whole."""
        usual, whole = Limits(), self.timeout_seconds
        return Limits(
            connect_seconds=min(usual.connect_seconds, whole),
            read_seconds=min(usual.read_seconds, whole),
            total_seconds=whole,
        )

    @property
    def lease_seconds(self) -> float:
        """How long a silent sender keeps a delivery."""
        return self.timeout_seconds + LEASE_MARGIN_SECONDS


def _pauses(text: str) -> tuple[float, ...]:
    try:
        pauses = tuple(float(part) for part in text.split(",")) if text else (0.0,)
    except ValueError:
        pauses = ()
    is_good = all(math.isfinite(pause) and 0 <= pause <= _LONGEST_PAUSE_SECONDS for pause in pauses)
    if not pauses or pauses[0] != 0 or len(pauses) > _MOST_PAUSES or not is_good:
        raise ValidationError(
            f"Must be up to {_MOST_PAUSES} pauses in seconds with commas between, the first of them 0, "
            "each before one attempt, such as 0,5,300,1800."
        )
    return pauses
