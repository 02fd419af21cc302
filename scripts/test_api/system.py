"""The running system as the checks use it: it remembers what they have made."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

from scripts.api_errors import ApiUnreachable, json_object
from scripts.event_stream import ServerEvent, read_events
from scripts.job_view import JobView
from scripts.test_api.answer import Answer, Skipped, Unmet, expect
from scripts.transport import Call, Transport
from scripts.upload import Upload

PROMPT = "O Romeo, Romeo,"
TOKENS = 8
LONG_TOKENS = 400
SILENCE_SECONDS = 40.0
LONGEST_WAIT = 30
TRIES_TO_CANCEL = 5
MARK = "frontier_test_api"

_GENERATES = frozenset(
    {
        "POST /v1/jobs",
        "POST /v1/infer",
        "POST /v1/chat/completions",
        "POST /v1/completions",
        "POST /v1/responses",
    }
)
_PARAMETER = re.compile(r"\{[^}]*\}")
_JOB = re.compile(r"/v1/jobs/((?:job|resp)_\w+)")


@dataclass(kw_only=True)
class System:
    """Calls one system; *bare* sends no key. *model* generates text, *encoder* embeds.

    Everything that is made carries the metadata `mark`, and is among `made`. Once a job took longer than *seconds*,
    `stalled` says so, and nothing makes another one.
    """

    transport: Transport
    bare: Transport
    seconds: float
    is_disruptive: bool = False
    model: str = ""
    model_limit: int = TOKENS
    encoder: str | None = None
    mark: dict[str, str] = field(default_factory=lambda: {MARK: uuid.uuid4().hex})
    made: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    stalled: str | None = None

    def call(
        self,
        operation: str,
        *ids: str,
        json: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        upload: Upload | None = None,
        with_key: bool = True,
        wait: float | None = None,
        stop_after: int | None = None,
    ) -> Answer:
        """The answer to one call, sent once; *ids* take the places of the parameters in the path.

        It may take *wait* seconds, by default as long as a job. Of a stream the first *stop_after* tokens or deltas
        are read. Raises ApiUnreachable, Unmet for a stream that goes on for longer than a job may take, and Skipped
        where it would make a job and none ends in time.
        """
        if self.stalled and operation in _GENERATES:
            raise Skipped(f"it needs jobs to end in time, and {self.stalled}")
        method, _, path = operation.partition(" ")
        left = iter(ids)
        call = Call(
            method=method,
            path=_PARAMETER.sub(lambda _: quote(next(left), safe="/"), path),
            json=json,
            query=query,
            headers=headers,
            upload=upload,
            wait_seconds=self.seconds if wait is None else wait,
            silence=max(SILENCE_SECONDS, self.seconds),
        )
        began = time.monotonic()
        transport = self.transport if with_key else self.bare
        with self._noticing_stalls(operation), transport.send_once(call) as response:
            is_stream = response.headers.get("Content-Type", "").startswith("text/event-stream")
            pieces = transport.pieces(response) if is_stream else ()
            events, is_late = _read(pieces, stop_after, is_over=lambda: time.monotonic() - began > self.seconds)
            body = None if is_stream else json_object(response) or None
        answer = Answer(
            operation=operation,
            status=response.status_code,
            seconds=time.monotonic() - began,
            headers=response.headers,
            body=body,
            events=events,
        )
        self._remember(answer)
        if is_late:
            raise self._stall(f"the stream of {operation} had not ended within {self.seconds:g} s")
        return answer

    def submission(self, tokens: int = TOKENS, **params: Any) -> dict[str, Any]:
        """The body of a small job."""
        settings = {"max_tokens": min(tokens, self.model_limit), **params}
        return {"model": self.model, "input": {"prompt": PROMPT}, "params": settings, "metadata": self.mark}

    def submitted(self, tokens: int = TOKENS, **params: Any) -> str:
        """The id of a new job."""
        answer = self.call("POST /v1/jobs", json=self.submission(tokens, **params))
        return str(answer.expect(200, 202)["id"])

    def long_job(self) -> str:
        """The id of a new job that takes a while."""
        return self.submitted(LONG_TOKENS, ignore_eos=True)

    def ended(self, job_id: str) -> JobView:
        """The job when it is final; raises Unmet if it takes too long."""
        until = time.monotonic() + self.seconds
        while (left := until - time.monotonic()) > 0:
            headers = {"Prefer": f"wait={max(1, min(LONGEST_WAIT, int(left)))}"}
            job = JobView(self.call("GET /v1/jobs/{id}", job_id, headers=headers).expect(200).body or {})
            if job.is_final:
                return job
        raise self._stall(f"{job_id} was not final within {self.seconds:g} s")

    @cached_property
    def succeeded(self) -> JobView:
        """One job that has its result, for all who only look."""
        job = self.ended(self.submitted())
        expect(job.succeeded, f"{job.id} {job.state}")
        return job

    def cancelled(self) -> str:
        """The id of a new job that was cancelled."""
        for _ in range(TRIES_TO_CANCEL):
            job_id = self.long_job()
            self.call("POST /v1/jobs/{id}/cancel", job_id).expect(200, 202)
            if self.ended(job_id).state == "cancelled":
                return job_id
        raise Skipped(f"{self.model} is through with its jobs before they can be cancelled")

    def needs_disruption(self, what: str) -> None:
        """Raises Skipped unless the checks may change what others see."""
        if not self.is_disruptive:
            raise Skipped(f"{what}; --disruptive checks it")

    def clean(self) -> list[str]:
        """Cancel and erase every job that was made, also one whose answer was cut off; what is left, in words."""
        left = [words for job_id in self.made if (words := self._erase(job_id))]
        if self.model:
            left += [words for job_id in self._unanswered() if (words := self._erase(job_id))]
        self.made.clear()
        return left

    @contextmanager
    def _noticing_stalls(self, operation: str) -> Iterator[None]:
        try:
            yield
        except ApiUnreachable:
            if operation in _GENERATES:
                self._stall(f"{operation} was not answered in time")
            raise

    def _stall(self, words: str) -> Unmet:
        self.stalled = self.stalled or words
        return Unmet(words)

    def _erase(self, job_id: str) -> str | None:
        try:
            if self.call("POST /v1/jobs/{id}/cancel", job_id).status in {200, 202}:
                self.ended(job_id)
                self.call("DELETE /v1/jobs/{id}", job_id).expect(204, 404, 410)
        except (ApiUnreachable, Unmet) as error:
            return f"{job_id} was not erased: {error}"
        return None

    def _unanswered(self) -> list[str]:
        query = {f"metadata.{name}": value for name, value in self.mark.items()}
        try:
            listed = self.call("GET /v1/jobs", query=query).expect(200)["data"]
        except (ApiUnreachable, Unmet):
            return []
        return [str(job["id"]) for job in listed if job["id"] not in self.made]

    def _remember(self, answer: Answer) -> None:
        self.answers.append(answer)
        found = _JOB.fullmatch(answer.headers.get("Location", ""))
        if found and found[1] not in self.made:
            self.made.append(found[1])


def _read(
    pieces: Iterable[bytes], stop_after: int | None, *, is_over: Callable[[], bool]
) -> tuple[list[ServerEvent], bool]:
    """The events, and whether time was over before the last of them."""
    events: list[ServerEvent] = []
    texts = 0
    for event in read_events(pieces):
        if event is not None:
            events.append(event)
            texts += event.name == "token" or event.name.endswith(".delta")
        if stop_after is not None and texts >= stop_after:
            break
        if is_over():
            return events, True
    return events, False
