"""Keeps what an attempt has made, for jobs that ask for the same."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.job import Outcome
from jobs.keys import Keys
from jobs.known_result import pack_result
from resilience.result_cache.result_cache import ResultCache
from tasks.running import RunningAttempt


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultKeeper:
    """Keeps results while their records are under `keys`: that of an erased job is kept no more."""

    cache: ResultCache
    keys: Keys

    def keep(self, attempt: RunningAttempt, outcome: Outcome) -> None:
        """Keep the result of a recorded outcome, if its job lets others have it and says for how long."""
        lease, reuse = attempt.lease, attempt.lease.reuse
        if reuse is None or reuse.keep_seconds is None or outcome.made_by is None:
            return
        self.cache.put(
            reuse.digest,
            pack_result(outcome, attempt.tokens()),
            stamp=outcome.made_by,
            ttl_seconds=reuse.keep_seconds,
            while_exists=self.keys.tenant(lease.tenant, "job", lease.job_id),
        )
