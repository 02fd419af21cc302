"""Finds, lists and reads jobs; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import redis

from jobs.errors import IdempotencyMismatch, JobNotFound, JobRetired
from jobs.job import Job, JobState
from jobs.job_record import as_its_leader, job_of_record
from jobs.keys import Keys, idempotency_digest, ref
from jobs.scripts import unavailable_as_our_error
from jobs.spec import unpack_tokens
from jobs.token_run import TokenRun
from jobs.webhooks.of_jobs import JobWebhookReader

_FOLLOWING = b"following"
"""The place of a job that waits for another one's run."""

_Kept = tuple[Job, Mapping[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first; `next_before` is the sequence number to go on from, None at the end."""

    jobs: list[Job]
    next_before: int | None


class JobReader:
    """Finds and lists the jobs of a tenant."""

    _SCAN_PAGE = 200
    _SCAN_PAGES = 25
    _READ_AT_ONCE = 40

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._webhooks = JobWebhookReader(client, keys)

    def find(self, tenant: str, job_id: str) -> Job:
        """The job, or JobRetired if its retention has ended, or JobNotFound."""
        found = self.read(tenant, [job_id])
        if not found:
            raise self.missing(tenant, job_id)
        [job] = found
        if job.is_final and job.text is None and job.state is not JobState.SUCCEEDED and job.emitted_tokens:
            return replace(job, text=self.tokens(tenant, job_id).text or None)  # no worker has told of its end
        return job

    def missing(self, tenant: str, job_id: str) -> JobRetired | JobNotFound:
        """Why there is no such job (any more)."""
        with unavailable_as_our_error():
            retired = self._client.zscore(self._keys.name("gone"), ref(tenant, job_id)) is not None
        return JobRetired(job_id) if retired else JobNotFound(job_id)

    def submitted(self, tenant: str, idempotency_key: str, fingerprint: str) -> str | None:
        """The job that a key has made; None if it has made none. Raises IdempotencyMismatch for another request."""
        with unavailable_as_our_error():
            found: Any = self._client.get(self._keys.tenant(tenant, "idem", idempotency_digest(idempotency_key)))
        if found is None:
            return None
        known, _, job_id = found.decode().partition(":")
        if known != fingerprint:
            raise IdempotencyMismatch(job_id)
        return str(job_id)

    def tokens(self, tenant: str, job_id: str) -> TokenRun:
        """All tokens recorded so far, also of a final job; of a follower its leader's."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            pipeline.get(self._keys.tenant(tenant, "log", job_id))
            pipeline.lrange(self._keys.tenant(tenant, "tokens", job_id), 0, -1)
            pipeline.hmget(self._keys.tenant(tenant, "job", job_id), "place", "leader")
            log, chunks, (place, leader) = pipeline.execute()
        if place == _FOLLOWING:
            return self.tokens(tenant, leader.decode())
        return unpack_tokens([log] if log else chunks)

    def page(
        self,
        tenant: str,
        *,
        states: Collection[JobState] = tuple(JobState),
        model: str | None = None,
        metadata: Mapping[str, str] | None = None,
        batch: str | None = None,
        before: int | None = None,
        limit: int = 20,
    ) -> Page:
        """Jobs in descending accept order that match every filter given; lines only of the batch that is asked for.

        A call looks at no more than 5,000 jobs, so a page may be short, even empty, and not the last one.
        """
        wanted = metadata or {}
        matches: list[Job] = []
        for _ in range(self._SCAN_PAGES):
            newest = self._newest(tenant, states, batch, before)
            for job in self._read_in_portions(tenant, newest):
                before = job.sequence
                if (model is None or job.request.model == model) and wanted.items() <= job.metadata.items():
                    if len(matches) == limit:
                        return Page(matches, matches[-1].sequence)
                    matches.append(job)
            if len(newest) < self._SCAN_PAGE:
                return Page(matches, None)
        return Page(matches, before)

    def _newest(self, tenant: str, states: Collection[JobState], batch: str | None, before: int | None) -> list[str]:
        """Ids of the next jobs below a sequence number, merged over the states' indexes.

        The indexes are read as one, so that no job slips from one to another in between.
        """
        upper = "+inf" if before is None else f"({before}"
        with unavailable_as_our_error(), self._client.pipeline(transaction=True) as pipeline:
            for state in states:
                index = self._keys.jobs_by_state(tenant, state, batch)
                pipeline.zrevrangebyscore(index, upper, "-inf", start=0, num=self._SCAN_PAGE, withscores=True)
            rows = [row for rows in pipeline.execute() for row in rows]
        rows.sort(key=lambda row: row[1], reverse=True)
        return [member.decode() for member, _ in rows[: self._SCAN_PAGE]]

    def _read_in_portions(self, tenant: str, job_ids: Sequence[str]) -> Iterator[Job]:
        """Whoever has enough reads no more: each job comes with its result, and vectors are long."""
        for start in range(0, len(job_ids), self._READ_AT_ONCE):
            yield from self.read(tenant, job_ids[start : start + self._READ_AT_ONCE])

    def read(self, tenant: str, job_ids: Sequence[str]) -> list[Job]:
        """Those of the jobs that there are, in the order asked for."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hgetall(self._keys.tenant(tenant, "job", job_id))
                pipeline.get(self._keys.tenant(tenant, "spec", job_id))
                pipeline.get(self._keys.tenant(tenant, "out", job_id))
            parts = pipeline.execute()
        rows = zip(job_ids, parts[0::3], parts[1::3], parts[2::3], strict=True)
        jobs = [
            (job_of_record(tenant, job_id, fields, spec, out), fields)
            for job_id, fields, spec, out in rows
            if fields and spec
        ]
        if any(fields.get(b"place") == _FOLLOWING for _, fields in jobs):
            jobs = self._as_their_leaders_are(tenant, jobs)
        told = {job.id: fields.get(b"dlv", b"").decode() for job, fields in jobs if b"hook" in fields}
        webhooks = self._webhooks.of_jobs(tenant, told) if told else {}
        return [replace(job, **webhooks.get(job.id, {})) for job, _ in jobs] if told else [job for job, _ in jobs]

    def _as_their_leaders_are(self, tenant: str, jobs: Sequence[_Kept]) -> list[_Kept]:
        """Followers that wait, with what is known of the run that they wait for."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            for job, _ in jobs:
                pipeline.hmget(self._keys.tenant(tenant, "job", job.follows or ""), "emitted", "not_before", "worker")
            leaders = pipeline.execute()
        return [
            (as_its_leader(job, leader) if fields.get(b"place") == _FOLLOWING else job, fields)
            for (job, fields), leader in zip(jobs, leaders, strict=True)
        ]
