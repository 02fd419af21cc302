"""The events of one job as one stream, however often the connection breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from jobs.job import JobState
from scripts.api_errors import ApiProblem, ApiUnreachable
from scripts.event_stream import read_events
from scripts.job_view import JobView
from scripts.transport import Call, Transport

SILENCE_SECONDS = 40.0
"""A heartbeat comes every 15 seconds: who is silent for so long is gone."""

_EVENT_STREAM = "text/event-stream"
_ACCEPT = {"Accept": _EVENT_STREAM}


@dataclass(frozen=True, slots=True)
class JobEvent:
    """`snapshot`, `token`, `status` or `final`, with what it tells."""

    name: str
    data: dict[str, Any]

    @property
    def job(self) -> JobView:
        """The job of a snapshot, and of the end."""
        return JobView(self.data)


def events_call(job_id: str, *, after: int = -1) -> Call:
    """Asks for the events of a job behind the token with the index *after*."""
    path = f"/v1/jobs/{quote(job_id, safe='')}/events"
    return Call(method="GET", path=path, query={"after": str(after)}, headers=_ACCEPT, silence=SILENCE_SECONDS)


def infer_call(body: Mapping[str, Any], idempotency_key: str) -> Call:
    """Makes a job and asks for its events."""
    headers = _ACCEPT | {"Idempotency-Key": idempotency_key}
    json = {**body, "stream": True}
    return Call(method="POST", path="/v1/infer", json=json, headers=headers, silence=SILENCE_SECONDS)


class JobFollowing:
    """Iterates, once, over the events of a job, of which *response* is the first connection.

    Each token comes once and in order, a snapshot once at the beginning, `final` at the end; None is a sign of life.
    Raises ApiProblem, and ApiUnreachable when nothing new comes for as long as patience lasts.
    """

    def __init__(self, transport: Transport, job_id: str, response: requests.Response) -> None:
        self.job_id = job_id
        self._transport = transport
        self._response = response
        self._end = 0
        self._standing: tuple[Any, Any] | None = None

    def __iter__(self) -> Iterator[JobEvent | None]:
        failures, cut_at = 0, 0.0
        while True:
            before = self._end
            try:
                for event in self._one_connection():
                    yield event
                    if event is not None and event.name == "final":
                        return
                    if event is None or self._end > before:
                        failures = 0
                cut = ApiUnreachable(self._transport.url, "the stream ended early")
            except ApiUnreachable as unreachable:
                cut = unreachable
            failures += 1
            cut_at = self._transport.clock() if failures == 1 else cut_at
            self._transport.back_off(failures, since=cut_at, error=cut)
            self._response = self._transport.send(events_call(self.job_id, after=self._end - 1))

    def _one_connection(self) -> Iterator[JobEvent | None]:
        with self._response as response:
            if not response.headers.get("Content-Type", "").startswith(_EVENT_STREAM):
                raise ApiProblem.of_stranger(self._transport.url, response)
            for event in read_events(self._transport.pieces(response)):
                if event is None:
                    yield None
                elif (told := self._new(event.name, json.loads(event.data))) is not None:
                    yield told

    def _new(self, name: str, data: dict[str, Any]) -> JobEvent | None:
        """What an event tells that is new; raises ApiUnreachable if it leaves tokens out."""
        if name == "token":
            return self._token(data)
        if name == "snapshot" and self._standing is not None:
            name, data = "status", {member: data[member] for member in ("status", "version", "attempt")}
            if JobState(data["status"]).is_final:
                return None
        if name in {"snapshot", "status"}:
            before, self._standing = self._standing, (data["status"], data["attempt"])
            if before == self._standing:
                return None
        return JobEvent(name, data)

    def _token(self, data: dict[str, Any]) -> JobEvent | None:
        index = int(data["index"])
        if index > self._end:
            raise ApiUnreachable(self._transport.url, f"token {self._end} is missing in the stream")
        if index < self._end:
            return None
        self._end += 1
        return JobEvent("token", data)
