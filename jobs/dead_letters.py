"""Reads the dead letters: the jobs of a tenant that gave up and were not requeued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis

from jobs.job import Job
from jobs.keys import Keys
from jobs.reading import JobReader
from jobs.scripts import unavailable_as_our_error

Death = tuple[int, str]
"""When a job gave up, in Unix ms, and its id: jobs that gave up together are told apart by it."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Some dead letters, newest death first; `next_before` is the one to go on from, None at the end."""

    jobs: list[Job]
    next_before: Death | None


class DeadLetterReader:
    """Pages through `dead`, a sorted set."""

    _SCAN_PAGE = 200
    _SCAN_PAGES = 25

    def __init__(self, client: redis.Redis, keys: Keys, reader: JobReader) -> None:
        self._client = client
        self._keys = keys
        self._reader = reader

    def page(
        self, tenant: str, *, model: str | None = None, before: Death | None = None, limit: int = 20
    ) -> DeadLetters:
        """Dead letters of a model, or of all.

        A call looks at no more than 5,000 jobs, so a page may be short, even empty, and not the last one.
        """
        matches: list[Job] = []
        last: Death | None = None
        for _ in range(self._SCAN_PAGES):
            deaths = self._newest(tenant, before)
            if not deaths:
                return DeadLetters(matches, None)
            died = {job_id: died_ms for died_ms, job_id in deaths}
            for job in self._reader.read(tenant, list(died)):
                if model is None or job.request.model == model:
                    if len(matches) == limit:
                        return DeadLetters(matches, last)
                    matches.append(job)
                    last = (died[job.id], job.id)
            before = deaths[-1]
        return DeadLetters(matches, before)

    def _newest(self, tenant: str, before: Death | None) -> list[Death]:
        """The next ones; empty at the end. However many died in one millisecond, they are passed over."""
        index = self._keys.owned(tenant, "dead")
        start = 0
        while True:
            with unavailable_as_our_error():
                rows: Any = self._client.zrevrangebyscore(
                    index, before[0] if before else "+inf", "-inf", start=start, num=self._SCAN_PAGE, withscores=True
                )
            deaths = [(int(score), member.decode()) for member, score in rows]
            older = [death for death in deaths if before is None or death < before]
            if older or not rows:
                return older
            start += len(rows)
