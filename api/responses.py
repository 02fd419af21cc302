"""What can be done with a response that there is: tell it, stream it, stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response

from api.event_streams import EventStreams
from api.following import Following, Look
from api.response_asked import asked_of
from api.response_document import Logprobs, response_document
from api.response_events import response_events, response_frames
from api.response_ids import checked_response_id
from api.waiting import Waiting, is_final
from jobs.errors import JobNotFound
from jobs.job import Job
from jobs.store import JobStore

CANCEL_SECONDS = 2.0
"""How long a cancel waits for a running response to stop, so that its answer can say so."""


@dataclass(frozen=True, kw_only=True)
class Responses:
    """Responses of all tenants; every call raises JobNotFound for what is no stored response.

    `erase_job` is given a tenant and the id of a final job.
    """

    store: JobStore
    waiting: Waiting
    following: Following
    streams: EventStreams
    erase_job: Callable[[str, str], object]

    def find(self, tenant: str, response_id: str) -> Job:
        """The job that the response is."""
        job = self.store.find(tenant, checked_response_id(response_id))
        if not asked_of(job).store:
            raise JobNotFound(response_id)
        return job

    def document(self, job: Job) -> dict[str, Any]:
        """The response object, with the log probabilities that were asked for."""
        return response_document(job, self._logprobs(job))

    def cancel(self, tenant: str, response_id: str) -> Job:
        """Stop a response; the job as it stands once that is done, or as it stands when nobody waits any longer."""
        found = self.find(tenant, response_id)
        job = self.store.cancel(tenant, found.id)
        return self.waiting.find(tenant, job.id, seconds=0 if job.is_final else CANCEL_SECONDS, is_enough=is_final)

    def erase(self, tenant: str, response_id: str) -> None:
        """Forget a final response; raises JobNotFinal."""
        self.erase_job(tenant, self.find(tenant, response_id).id)

    def stream(self, job: Job, *, after: int) -> Response:
        """The events behind the one numbered *after*; raises TooManyStreams."""
        with self.streams.place() as place:
            looks = self.following.follow(job.tenant, job.id)
            return self.streams.respond(response_frames(looks, after=after), looks=looks, place=place, ages=False)

    def has_no_more(self, job: Job, after: int) -> bool:
        """Whether a reader that has had the event numbered *after* has had all."""
        if not job.is_final or after < 0:
            return False
        look = Look(tokens=self.store.tokens(job.tenant, job.id), job=job)
        return after >= sum(1 for _ in response_events([look])) - 1

    def _logprobs(self, job: Job) -> Logprobs:
        if not job.is_final or not asked_of(job).has_logprobs:
            return ()
        return self.store.tokens(job.tenant, job.id).logprobs
