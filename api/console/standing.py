"""How the system stands, as far as a tenant may know: what the page `/status` draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from api.auth import Caller
from api.circuit_document import circuit_document
from api.circuit_sources import AllCircuits
from api.console.timeline import delivery_lag
from api.delivery_document import delivery_document
from api.job_document import rounded, timing_document
from api.model_gate import ModelGate
from api.queue_document import queue_document
from jobs.access.api_key import Scope
from jobs.job import Job, JobState
from jobs.store import JobStore
from jobs.usage import UsageReader, day_of
from jobs.webhooks.delivery import Delivery
from jobs.webhooks.log import DeliveryLog
from models.catalog import Catalog

JOBS_MEASURED = 100
DELIVERIES_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Reads it out of the record anew each time; `clock` gives Unix seconds."""

    store: JobStore
    catalog: Catalog
    gate: ModelGate
    usage: UsageReader
    circuits: AllCircuits
    log: DeliveryLog
    clock: Callable[[], float]

    def now(self, asker: Caller) -> dict[str, Any]:
        """Queues and workers, and sums that only grow, of two days; who has the scope admin gets those of all tenants.

        Raises StoreUnavailable.
        """
        sees_all = Scope.ADMIN in asker.scopes
        return {
            "at": self.clock(),
            "models": [
                queue_document(model.name, self.store.queue(model.name, asker.tenant), model.limits, circuit)
                for model in self.catalog.models.values()
                for circuit in (self.gate.state(model.name),)
            ],
            "of_all_tenants": sees_all,
            **self._sums(None if sees_all else asker.tenant),
        }

    def lately(self, asker: Caller) -> dict[str, Any]:
        """How long the tenant's last jobs took, its circuits, and its last deliveries. Raises StoreUnavailable."""
        jobs = self.store.list(asker.tenant, state=JobState.SUCCEEDED, limit=JOBS_MEASURED).jobs
        ran = [timing_document(job) for job in jobs if not job.is_cached]
        return {
            "latencies": {
                name: [timing[name] for timing in ran if name in timing]
                for name in ("queue_wait_s", "ttft_s", "tpot_s", "time_to_result_s")
            },
            "circuits": [circuit_document(state) for state in self.circuits.states(asker.tenant)],
            "deliveries": self._deliveries(asker.tenant) if Scope.WEBHOOKS_MANAGE in asker.scopes else None,
        }

    def _sums(self, tenant: str | None) -> dict[str, Any]:
        today = day_of(self.clock())
        ends: Counter[str] = Counter()
        tokens = 0
        for row in self.usage.rows(today - timedelta(days=1), today, tenant=tenant):
            ends[row.outcome] += row.used.jobs
            tokens += row.used.usage.completion_tokens
        return {"ended": dict(ends), "completion_tokens": tokens}

    def _deliveries(self, tenant: str) -> list[dict[str, Any]]:
        found = self.log.page(tenant, limit=DELIVERIES_SHOWN).deliveries
        jobs = {job.id: job for job in self.store.read(tenant, [one.subject for one in found])}
        return [self._delivery(one, jobs.get(one.subject)) for one in found]

    def _delivery(self, delivery: Delivery, job: Job | None) -> dict[str, Any]:
        lag = delivery_lag(job, delivery) if job is not None else None
        return delivery_document(delivery) | {"lag_s": rounded(lag)}
