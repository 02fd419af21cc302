"""Brings in what has become of the lines that had their turn, and puts it into the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from api.batches.answer_lines import CANCELLED, LOST, AnswerLine, answer_of_job, answer_of_left
from api.batches.harvest import Harvest, longest_wait
from api.batches.parts import Parts
from api.batches.work import Work
from jobs.batches.batch import BatchLease
from jobs.job import Job
from jobs.token_run import TokenRun

TAKEN_AT_ONCE = 500
READ_AT_ONCE = 16
"""Jobs, whose records may have a mebibyte each."""


@dataclass(slots=True, kw_only=True)
class Gathering:
    """`told` lines are in committed parts, of which `left_code` is said where they were stopped on the batch's account.

    What is being written is not added to: it is put again as it is until it is in.
    """

    work: Work
    lease: BatchLease
    parts: Parts
    told: int
    left_code: str = CANCELLED
    gathered: Harvest = field(default_factory=Harvest)
    _writing: Harvest | None = None
    _forgotten_before: bool = False
    _to_forget: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, work: Work, lease: BatchLease) -> Gathering:
        told = lease.batch.completed + lease.batch.failed
        return cls(work=work, lease=lease, parts=Parts.of(lease, work), told=told)

    @property
    def held(self) -> int:
        """How many lines have ended and are in no committed part, as far as they were brought in."""
        return self.gathered.lines + (self._writing.lines if self._writing else 0)

    @property
    def due_at(self) -> float | None:
        """When what was brought in becomes a part at the latest; None while there is nothing."""
        return self.gathered.since + longest_wait(self.parts.count) if self.gathered.lines else None

    def collect(self) -> bool:
        """Bring in lines that have ended, a part of them at most; whether to write and go on with others.

        Raises StoreUnavailable.
        """
        known = self.gathered.taken.keys() | (self._writing.taken.keys() if self._writing else set())
        ended = self.work.batches.ended(self.lease, len(known) + TAKEN_AT_ONCE)
        fresh = [one for one in ended if one.job_id not in known]
        now = self.work.clock()
        for start in range(0, len(fresh), READ_AT_ONCE):
            portion = fresh[start : start + READ_AT_ONCE]
            jobs = {job.id: job for job in self._read([one.job_id for one in portion if one.why is None])}
            for one in portion:
                if self.gathered.is_much:
                    return True
                job = jobs.get(one.job_id)
                usage = job.usage if job is not None else None
                self.gathered.add(self._answer(one.job_id, one.why, job), job_id=one.job_id, now=now, usage=usage)
        return len(fresh) >= TAKEN_AT_ONCE

    def write(self, *, at_once: bool = False) -> None:
        """Commit what is worth a part, or with `at_once` all there is.

        Raises StorageFull, StorageTrouble, StoreUnavailable or BatchLeaseLost; then the same is to be tried again.
        """
        self._write_on()
        if self.gathered.lines and (at_once or self.gathered.is_due(self.work.clock(), parts=self.parts.count)):
            self._writing, self.gathered = self.gathered, Harvest()
            self._write_on()

    def forget(self) -> None:
        """Erase the jobs of lines that are told, those of an earlier runner among them. Raises StoreUnavailable."""
        if not self._forgotten_before:
            self._to_forget += self._ended_jobs()
            self._forgotten_before = True
        if self._to_forget:
            self.work.batches.forget(self.lease, self._to_forget)
            self._to_forget = []

    def _write_on(self) -> None:
        writing = self._writing
        if writing is None:
            return
        self.parts.put(writing)
        self.told += writing.lines
        self._writing = None
        self._to_forget += writing.taken
        self.forget()

    def _ended_jobs(self) -> list[str]:
        """Of all lines that were jobs, those that have ended; what is not told of them is not erased."""
        batch, before = self.lease.batch, None
        job_ids: list[str] = []
        while True:
            page = self.work.jobs.list(batch.tenant, batch=batch.id, before=before, limit=READ_AT_ONCE)
            job_ids += [job.id for job in page.jobs if job.is_final]
            before = page.next_before
            if before is None:
                return job_ids

    def _read(self, job_ids: list[str]) -> Sequence[Job]:
        return self.work.jobs.read(self.lease.batch.tenant, job_ids) if job_ids else []

    def _answer(self, job_id: str, why: bytes | None, job: Job | None) -> AnswerLine:
        if why is not None:
            return AnswerLine("errors", why)
        if job is None:  # somebody has emptied the server by hand
            return answer_of_left(job_id, None, LOST)
        has_logprobs = job.request.params.logprobs is not None
        tokens = self.work.jobs.tokens(job.tenant, job.id) if has_logprobs else TokenRun()
        return answer_of_job(job, tokens, self.work.endpoint(self.lease.batch), left_code=self.left_code)
