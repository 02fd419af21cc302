"""Requests that wait for their job: submit, wait, deliver; and what a client finds that has to ask again.

A job whose answer was not delivered is found again by the retry of its request, so that a cut connection makes no
second job. Only a retry is taken for one: a client that asks the same anew gets a new job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from flask import Response, request

from api.asked_job import Submission
from api.auth import caller
from api.cache_status import cache_status
from api.delivery_of_answers import watch_answer
from api.errors import OWN_NAMES, InvalidRequest, JobEndedWithoutResult, Names, StillRunning
from api.event_streams import EventStreams
from api.following import Following, Look
from api.idempotency import HEADER, REPLAYED, parse_idempotency_key
from api.request_trace import request_trace
from api.submission import Submissions, Submitted
from api.waiting import Waiting
from jobs.errors import JobError
from jobs.job import Job, JobState
from jobs.store import JobStore

log = logging.getLogger(__name__)

RETRY_HEADER = "X-Stainless-Retry-Count"
"""How OpenAI's clients say that they ask again because no answer has come."""

Frames = Callable[[Iterator[Look | None]], Iterable[bytes]]


@dataclass(frozen=True, kw_only=True)
class Foreground:
    """Works for the request at hand; nobody waits for longer than `wait_seconds`."""

    submissions: Submissions
    store: JobStore
    waiting: Waiting
    following: Following
    streams: EventStreams
    wait_seconds: float

    def submit(self, submission: Submission, *, tenant: str, names: Names = OWN_NAMES) -> Submitted:
        """Record the job, or find it by the idempotency key or as the one that this request is a retry of.

        Raises what `Submissions.submit` does, with the client's own *names* for fields.
        """
        key, trace = parse_idempotency_key(request.headers.get(HEADER)), request_trace()
        try:
            return self.submissions.submit(
                submission,
                tenant=tenant,
                key_id=caller().key_id,
                idempotency_key=key,
                traceparent=trace.traceparent,
                is_traced=trace.is_traced,
                is_retry=key is None and is_retry(request.headers.get(RETRY_HEADER)),
            )
        except InvalidRequest as error:
            raise InvalidRequest.of_all([one.renamed(names) for one in error.errors]) from error

    def result(self, submission: Submission, *, tenant: str, names: Names = OWN_NAMES) -> tuple[Job, dict[str, str]]:
        """A job that has succeeded, and the headers of its answer, whose delivery is recorded.

        Raises JobEndedWithoutResult for one that ended otherwise, and StillRunning for one that has not, or whose
        end this process will not see.
        """
        submitted = self.submit(submission, tenant=tenant, names=names)
        job = self.final(submitted, tenant=tenant)
        if job.state is not JobState.SUCCEEDED:
            raise JobEndedWithoutResult(job, names)
        return job, headers_of(submitted)

    def final(self, submitted: Submitted, *, tenant: str) -> Job:
        """The job once it is final, however it ended; the delivery of this request's answer is recorded."""
        job = self.waiting.follow(submitted, tenant=tenant, seconds=self.wait_seconds)
        if not job.is_final:
            raise StillRunning(job.id)
        watch_answer(
            on_delivered=partial(self._record, self.store.delivered, tenant, job.id),
            on_lost=partial(self._record, self.store.undelivered, tenant, job.id),
        )
        return job

    def stream(
        self,
        submission: Submission,
        frames: Frames,
        *,
        tenant: str,
        names: Names = OWN_NAMES,
        ends_with_reader: bool = False,
    ) -> Response:
        """The job's tokens as they come, as *frames* of the looks at it; raises TooManyStreams besides.

        A job that `ends_with_reader` is cancelled when the reader leaves.
        """
        with self.streams.place() as place:
            submitted = self.submit(submission, tenant=tenant, names=names)
            job_id = submitted.job_id
            looks = self.following.follow(tenant, job_id)
            delivered = partial(self.store.delivered, tenant, job_id)

            def gone() -> None:
                if ends_with_reader:
                    self.store.cancel(tenant, job_id)
                    delivered()  # a retry would find a cancelled job
                else:
                    self.store.undelivered(tenant, job_id)

            return self.streams.respond(
                frames(looks),
                looks=looks,
                place=place,
                on_gone=gone,
                on_delivered=delivered,
                headers=headers_of(submitted),
                ages=False,
            )

    @staticmethod
    def _record(record: Callable[[str, str], object], tenant: str, job_id: str) -> None:
        try:
            record(tenant, job_id)
        except JobError as error:
            log.warning("delivery_not_recorded", extra={"job_id": job_id, "error": type(error).__name__})


def is_retry(count: str | None) -> bool:
    """Whether a client says that it has asked before."""
    return count is not None and count.isascii() and count.isdigit() and int(count[:9]) >= 1


def headers_of(submitted: Submitted) -> dict[str, str]:
    """Where the job can be followed, and whether the request has found it, or a known result."""
    found = REPLAYED if submitted.replayed else cache_status(submitted)
    return {"Location": f"/v1/jobs/{submitted.job_id}", **found}
