"""What tenants may have and have used, in plain Python; instants are milliseconds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.errors import QueueFull, QuotaExceeded, QuotaTooSmall
from jobs.tenant_limits import NO_LIMITS, TenantLimits
from jobs.tenants import Standing
from tests.jobs.plain_job import PlainJob

WINDOWS = {"tokens_per_minute": 60_000, "tokens_per_day": 86_400_000}


@dataclass
class PlainBudgets:
    """Limits of tenants, and tokens by tenant, budget and bucket. `jobs` are all, by their refs."""

    jobs: dict[str, PlainJob]
    limits: dict[str, TenantLimits] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    buckets: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def set_limits(self, tenant: str, limits: TenantLimits) -> None:
        self.limits[tenant] = limits
        self.weights[tenant] = limits.weight or 1

    def check(self, tenant: str, model: str, cost: int, now: int, *, follows: bool, is_line: bool) -> None:
        """Raises QueueFull or QuotaExceeded."""
        limits = self.limits.get(tenant, NO_LIMITS)
        waiting = [job for job in self.jobs.values() if job.place in {"queue", "delayed"} and job.model == model]
        own = [job for job in waiting if job.new.tenant == tenant]
        most_waiting, most_open = limits.waiting_jobs, limits.concurrent_jobs
        if is_line:
            most_waiting, most_open = _part_of_lines(most_waiting), _part_of_lines(most_open)
        if not follows and most_waiting is not None and len(own) >= most_waiting:
            raise QueueFull(model, most_waiting, whose="tenant")
        count = self.open_jobs(tenant)
        if most_open is not None and count >= most_open:
            kind = QuotaExceeded if most_open else QuotaTooSmall
            raise kind("concurrent_jobs", limit=most_open, used=count)
        over = [
            (self.wait(tenant, name, limit - cost, now), -index, name, limit)
            for index, (name, limit) in enumerate(self._budgets(tenant).items())
            if self.spent(tenant, name, now) > limit - cost
        ]
        if over:
            wait, _, name, limit = max(over)
            kind = QuotaTooSmall if wait == math.inf else QuotaExceeded
            raise kind(name, limit=limit, used=self.spent(tenant, name, now), cost=cost)

    def charge(self, job: PlainJob, now: int) -> None:
        if self._budgets(job.new.tenant):
            job.charged = job.cost
            self._add(job, job.cost, now)

    def settle(self, job: PlainJob, used: int | None, now: int) -> None:
        """The job has ended, and has used so many tokens; None if nobody knows."""
        if job.charged is not None and used is not None:
            self._add(job, used - job.charged, now)
        job.charged = None

    def open_jobs(self, tenant: str) -> int:
        return sum(job.new.tenant == tenant and not job.state.is_final for job in self.jobs.values())

    def spent(self, tenant: str, name: str, now: int) -> int:
        width = WINDOWS[name]
        last, before = self.of_bucket(tenant, name, now), self.of_bucket(tenant, name, now - width)
        return last + math.ceil(before * (width - now % width) / width)

    def wait(self, tenant: str, name: str, room: int, now: int) -> float:
        """Until the window holds no more than that, found by looking at each bucket's decay in turn."""
        width, elapsed = WINDOWS[name], now % WINDOWS[name]
        last, before = self.of_bucket(tenant, name, now), self.of_bucket(tenant, name, now - width)
        if room < 0:
            return math.inf
        if last + math.ceil(before * (width - elapsed) / width) <= room:
            return 0
        if last <= room:
            return math.ceil(width - elapsed - width * (room - last) / before)
        return math.ceil(2 * width - elapsed - width * room / last)

    def standing(self, tenant: str, now: int) -> tuple[Standing, ...]:
        told = [
            Standing(
                policy=name,
                limit=limit,
                used=self.spent(tenant, name, now),
                window_seconds=WINDOWS[name] // 1000,
                reset_seconds=self.wait(tenant, name, 0, now) / 1000,
            )
            for name, limit in self._budgets(tenant).items()
        ]
        most = self.limits.get(tenant, NO_LIMITS).concurrent_jobs
        if most is not None:
            used = self.open_jobs(tenant)
            told.append(
                Standing(policy="concurrent_jobs", limit=most, used=used, window_seconds=None, reset_seconds=None)
            )
        return tuple(told)

    def counting(self, now: int) -> Mapping[tuple[str, str, int], int]:
        """The buckets that still count."""
        return {
            (tenant, name, bucket): tokens
            for (tenant, name, bucket), tokens in self.buckets.items()
            if bucket >= now // WINDOWS[name] - 1
        }

    def of_bucket(self, tenant: str, name: str, instant: int) -> int:
        return self.buckets[tenant, name, instant // WINDOWS[name]]

    def _budgets(self, tenant: str) -> dict[str, int]:
        limits = self.limits.get(tenant, NO_LIMITS).as_mapping()
        return {name: int(limit) for name in WINDOWS if (limit := limits[name]) is not None}

    def _add(self, job: PlainJob, tokens: int, now: int) -> None:
        for name, width in WINDOWS.items():
            if job.created // width >= now // width - 1:
                self.buckets[job.new.tenant, name, job.created // width] += tokens


def _part_of_lines(limit: int | None) -> int | None:
    """Three quarters, rounded down, but one at least of any."""
    return limit if limit is None or limit <= 1 else limit * 3 // 4
