"""The conversation that a response goes on with: `previous_response_id`."""

from __future__ import annotations

from api.errors import InvalidRequest
from api.response_asked import asked_of
from api.response_ids import is_response_id
from jobs.errors import JobNotFound, JobRetired
from jobs.job import Job, JobState
from jobs.request import Message
from jobs.store import JobStore

FIELD = "previous_response_id"


def earlier_messages(store: JobStore, tenant: str, response_id: str | None) -> tuple[Message, ...]:
    """What was said up to the end of that response, without its instructions; nothing for None.

    Raises InvalidRequest unless the response is stored and complete, if only up to its limit.
    """
    if response_id is None:
        return ()
    job = _find(store, tenant, response_id)
    asked = asked_of(job) if job is not None else None
    if job is None or asked is None or not asked.store:
        raise InvalidRequest.of(FIELD, "names no stored response")
    if job.state is not JobState.SUCCEEDED:
        raise InvalidRequest.of(FIELD, f"names a response that is {job.state.value}")
    said = job.request.messages[1:] if asked.instructions is not None else job.request.messages
    return (*said, Message("assistant", job.text or ""))


def _find(store: JobStore, tenant: str, response_id: str) -> Job | None:
    if not is_response_id(response_id):
        return None
    try:
        return store.find(tenant, response_id)
    except (JobNotFound, JobRetired):
        return None
