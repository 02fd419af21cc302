"""Results of earlier jobs that asked for the same, where a model repeats itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from api.cache_fields import CacheUse
from api.equal_jobs import SoughtResult
from jobs.errors import JobError, StoreUnavailable
from jobs.job import Job, JobState, Outcome
from jobs.known_result import pack_result, unpack_result
from jobs.new_job import KnownResult, Reuse
from jobs.store import JobStore
from resilience.result_cache.result_cache import TRUST_SECONDS, ResultCache
from resilience.result_cache.settings import CacheSettings

log = logging.getLogger(__name__)


FindKnown = Callable[[SoughtResult, float], Reuse | None]
"""See `KnownResults.reuse`."""


def nothing_known(_sought: SoughtResult, _retention_seconds: float) -> None:
    """Every job runs."""


@dataclass(frozen=True, kw_only=True)
class KnownResults:
    """Looks for them in `cache`; without one every job runs. `clock` is monotonic.

    Which revision of a model runs, its workers say; a process asks for it every TRUST_SECONDS.
    """

    store: JobStore
    cache: ResultCache | None
    settings: CacheSettings
    clock: Callable[[], float]
    _revisions: dict[str, tuple[float, str | None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reuse(self, sought: SoughtResult, retention_seconds: float) -> Reuse | None:
        """How the job of a request shares its result, and the known one; None if its result could be another each time.

        No result is kept for longer than its job. Never raises for what Redis does.
        """
        if self.cache is None:
            return None
        digest = sought.digest(salt="" if self.settings.is_shared else sought.tenant)
        if digest is None:
            return None
        asked = sought.asked
        if asked.use is CacheUse.BYPASS:
            return Reuse(digest=digest)
        ttl_seconds = self.settings.ttl_seconds if asked.ttl_seconds is None else asked.ttl_seconds
        is_wanted = asked.use is CacheUse.USE
        known = self._known(self.cache, digest, sought.model.name, sought.tenant) if is_wanted else None
        return Reuse(digest=digest, keep_seconds=min(ttl_seconds, retention_seconds), known=known)

    def served(self, job: Job) -> None:
        """Keep the result of a job that this process tells, where processes share none: nobody else does it."""
        if self.settings.backend != "memory" or self.cache is None or job.is_cached:
            return
        if job.digest is None or job.keep_seconds is None or job.made_by is None or job.state is not JobState.SUCCEEDED:
            return
        try:
            tokens = self.store.tokens(job.tenant, job.id)
        except JobError:
            return
        outcome = Outcome(
            state=job.state,
            text=job.text,
            finish_reason=job.finish_reason,
            usage=job.usage,
            vectors=job.vectors,
            made_by=job.made_by,
        )
        self.cache.put(job.digest, pack_result(outcome, tokens), stamp=job.made_by, ttl_seconds=job.keep_seconds)

    def erase(self, tenant: str, job_id: str) -> None:
        """Erase a final job, and what is kept of its result; raises what `JobStore.erase` does.

        The move itself has deleted what processes share. Other processes tell their copies for TRUST_SECONDS at most.
        """
        digest = self.store.erase(tenant, job_id)
        if digest is not None and self.cache is not None:
            self.cache.erase(digest)

    def _known(self, cache: ResultCache, digest: str, model: str, tenant: str) -> KnownResult | None:
        revision = self._revision(model)
        if revision is None:
            return None
        packed = cache.get(digest, stamp=revision, asker=tenant)
        if packed is None:
            return None
        try:
            return unpack_result(packed)
        except Exception:
            log.exception("known_result_unreadable", extra={"model": model})
            return None

    def _revision(self, model: str) -> str | None:
        now = self.clock()
        asked_at, revision = self._revisions.get(model, (float("-inf"), None))
        if now - asked_at < TRUST_SECONDS:
            return revision
        try:
            revision = self.store.revision(model)
        except StoreUnavailable:
            revision = None
        with self._lock:
            self._revisions[model] = (now, revision)
        return revision
