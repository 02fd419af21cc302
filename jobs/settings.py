"""The times of the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, cast

from marshmallow.validate import OneOf

from jobs.environment import Environment, between
from jobs.tenant_limits import MOST, NO_LIMITS, TenantLimits

Durability = Literal["everysec", "strict"]


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Times of the record; all processes of one deployment should agree.

    `durability` strict confirms an accept only once it is on the primary's disk (WAITAOF).
    Above `memory_ceiling` (a share of Redis' maxmemory) no new job is accepted. For each receiver of webhooks no more
    than `webhook_backlog` deliveries wait, and its circuit opens for `webhook_circuit_seconds` first; events and
    deliveries are listed for `webhook_log_seconds`. `tenant_limits` hold for a tenant that has none of its own by that
    name. What tenants have used in a day is kept for `usage_log_seconds`, the record of a batch that has ended for
    `batch_log_seconds`.
    """

    lease_seconds: float = 10.0
    deadline_seconds: float = 86_400.0
    dispatch_grace_seconds: float = 15.0
    longest_grace_seconds: float = 240.0
    sweep_seconds: float = 1.0
    sweep_limit: int = 200
    dispatch_limit: int = 128
    memory_ceiling: float = 0.8
    durability: Durability = "everysec"
    webhook_backlog: int = 10_000
    webhook_log_seconds: float = 30 * 86_400.0
    webhook_circuit_seconds: float = 60.0
    tenant_limits: TenantLimits = NO_LIMITS
    usage_log_seconds: float = 400 * 86_400.0
    batch_log_seconds: float = 30 * 86_400.0

    @property
    def outage_seconds(self) -> float:
        """A pause between sweeps that is longer than sweeping itself makes: Redis, or everything, was away."""
        return max(self.lease_seconds / 2, self.sweep_seconds * 4)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """See docs/operations.md for the variables. Raises SettingError."""
        reader = Environment(env)
        settings = cls(
            lease_seconds=reader.seconds("FRONTIER_LEASE_S", cls.lease_seconds),
            dispatch_grace_seconds=reader.seconds("FRONTIER_DISPATCH_GRACE_S", cls.dispatch_grace_seconds),
            sweep_seconds=reader.seconds("FRONTIER_SWEEP_S", cls.sweep_seconds),
            durability=cast(
                "Durability",
                reader.str("FRONTIER_DURABILITY", cls.durability, validate=OneOf(("everysec", "strict"))),
            ),
            webhook_backlog=reader.int("WEBHOOK_BACKLOG", cls.webhook_backlog, validate=between(1, 1_000_000)),
            webhook_log_seconds=reader.seconds("WEBHOOK_LOG_S", cls.webhook_log_seconds),
            webhook_circuit_seconds=reader.seconds("WEBHOOK_CIRCUIT_S", cls.webhook_circuit_seconds),
            tenant_limits=TenantLimits(
                tokens_per_minute=reader.int("TENANT_TOKENS_PER_MINUTE", None, validate=_is_limit),
                tokens_per_day=reader.int("TENANT_TOKENS_PER_DAY", None, validate=_is_limit),
                concurrent_jobs=reader.int("TENANT_CONCURRENT_JOBS", None, validate=_is_limit),
            ),
            usage_log_seconds=reader.seconds("USAGE_LOG_S", cls.usage_log_seconds),
            batch_log_seconds=reader.seconds("BATCH_LOG_S", cls.batch_log_seconds),
        )
        reader.check()
        return settings


def _is_limit(value: int | None) -> None:
    if value is not None:
        between(1, MOST)(value)
