"""The job API as Python calls: what every client command speaks through."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, Self
from urllib.parse import quote

from scripts.api_errors import ApiProblem, ApiUnreachable, json_object
from scripts.batch_calls import BatchCalls
from scripts.circuit_calls import CircuitCalls
from scripts.endpoint_calls import EndpointCalls
from scripts.job_following import JobFollowing, events_call, infer_call
from scripts.job_view import JobView
from scripts.key_calls import KeyCalls
from scripts.patience import Patience
from scripts.queue_view import QueueView
from scripts.tenant_calls import TenantCalls
from scripts.transport import Call, Transport

__all__ = ["ApiProblem", "ApiUnreachable", "FrontierClient"]

LONGEST_WAIT_SECONDS = 60
EARLY_SECONDS = 0.5
PAGE = 100


ModeChange = Literal["pause", "resume", "drain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """Ids of jobs that were *cancelled* while they waited, and of running ones that were *requested* to stop."""

    cancelled: list[str]
    requested: list[str]


class FrontierClient:
    """Calls the API at *url*; one client serves up to *connections* threads at once.

    Every call is repeated with backoff while the API is away or asks to wait, as long as *patience*
    lasts; then it raises ApiUnreachable or the last ApiProblem. *pause* may raise to give up earlier.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        connections: int = 4,
        patience: Patience | None = None,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        self._pause = pause
        self._clock = clock
        self._transport = Transport(
            url,
            token,
            connections=connections,
            patience=patience or Patience(),
            pause=pause,
            clock=clock,
            random=random or Random(),  # noqa: S311 - spreads retries, protects nothing
        )

    @property
    def url(self) -> str:
        return self._transport.url

    @property
    def trouble(self) -> str | None:
        """Why calls are being repeated right now, or None."""
        return self._transport.trouble

    @property
    def answers(self) -> int:
        """How many calls, over all threads, got an answer other than "try again"."""
        return self._transport.answers

    @property
    def keys(self) -> KeyCalls:
        """What an operator does with API keys."""
        return KeyCalls(self._transport)

    @property
    def tenants(self) -> TenantCalls:
        """What an operator does with the limits of tenants."""
        return TenantCalls(self._transport)

    @property
    def circuits(self) -> CircuitCalls:
        """What is left alone because it fails."""
        return CircuitCalls(self._transport)

    @property
    def batches(self) -> BatchCalls:
        """Files of requests that run when there is room."""
        return BatchCalls(self._transport)

    @property
    def endpoints(self) -> EndpointCalls:
        """Where webhooks are sent."""
        return EndpointCalls(self._transport)

    def close(self) -> None:
        """Closes idle connections; one in use by another thread closes when that thread is through with it."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def submit(self, body: Mapping[str, Any], *, idempotency_key: str) -> JobView:
        """The accepted job; the key makes it safe to repeat the submit, here or later."""
        return self._job(
            Call(method="POST", path="/v1/jobs", json=dict(body), headers={"Idempotency-Key": idempotency_key})
        )

    def job(self, job_id: str, *, wait_seconds: float = 0.0) -> JobView:
        """The job as it is when it becomes final, or after *wait_seconds*."""
        wait = min(math.ceil(wait_seconds), LONGEST_WAIT_SECONDS)
        headers = {"Prefer": f"wait={wait}"} if wait else None
        return self._job(Call(method="GET", path=_path(job_id), headers=headers, wait_seconds=wait))

    def wait(self, job_id: str, *, seconds: float) -> JobView:
        """The job when it becomes final or after *seconds*; never returns so early that asking again would spin."""
        began = self._clock()
        job = self.job(job_id, wait_seconds=seconds)
        if not job.is_final and self._clock() - began < min(seconds, EARLY_SECONDS):
            self._pause(min(seconds, EARLY_SECONDS))
        return job

    def follow(self, job_id: str) -> JobFollowing:
        """The events of a job, from its first token on."""
        return JobFollowing(self._transport, job_id, self._transport.send(events_call(job_id)))

    def infer(self, body: Mapping[str, Any], *, idempotency_key: str) -> JobFollowing:
        """The events of the job that is made of *body*, which has the form of `POST /v1/infer`."""
        response = self._transport.send(infer_call(body, idempotency_key))
        return JobFollowing(self._transport, response.headers.get("Location", "").rpartition("/")[-1], response)

    def explanation(self, job_id: str) -> dict[str, Any]:
        """Why the job stands where it does."""
        return self._json(Call(method="GET", path=_path(job_id) + "/explain"), "job_id", "status", "reasons")

    def with_text(self, job: JobView) -> JobView:
        """*job* with its result, which is fetched if it was too long to come with the job."""
        if not job.succeeded or job.text is not None:
            return job
        return job.with_result(self._json(Call(method="GET", path=_path(job.id) + "/result")))

    def cancel(self, job_id: str) -> JobView:
        """The job after the request; it may be final already, or still about to stop."""
        return self._job(Call(method="POST", path=_path(job_id) + "/cancel"))

    def cancel_matching(
        self, metadata: Mapping[str, str], *, status: str | None = None, model: str | None = None
    ) -> Iterator[Cancellation]:
        """Cancels all jobs with these *metadata* that are not final; tells after each part what came of it."""
        asked = {"metadata": dict(metadata), "status": status, "model": model}
        body: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        while True:
            answer = self._json(Call(method="POST", path="/v1/jobs/cancel", json=body), "cancelled", "requested")
            yield Cancellation(cancelled=answer["cancelled"], requested=answer["requested"])
            if not answer.get("has_more"):
                return
            body["cursor"] = str(answer["next_cursor"])

    def requeue(self, job_id: str) -> JobView:
        """The new job with the same request; a repeat gives the same one."""
        return self._job(Call(method="POST", path=_path(job_id) + "/requeue"))

    def jobs(
        self, *, limit: int | None, status: str | None = None, model: str | None = None, metadata: Mapping[str, str]
    ) -> Iterator[JobView]:
        """Up to *limit* jobs that match, newest first."""
        query = {f"metadata.{key}": value for key, value in metadata.items()}
        query |= {name: value for name, value in (("status", status), ("model", model)) if value is not None}
        return self._listed("/v1/jobs", query, limit)

    def dead_letters(self, *, limit: int | None, model: str | None = None) -> Iterator[JobView]:
        """Up to *limit* jobs that gave up and were not requeued, the latest first."""
        return self._listed("/v1/dead-letters", {} if model is None else {"model": model}, limit)

    def queues(self) -> list[QueueView]:
        """One for each model, the default one first."""
        return [QueueView(entry) for entry in self._json(Call(method="GET", path="/v1/queue")).get("data", [])]

    def queue(self, model: str) -> QueueView:
        entries = self._json(Call(method="GET", path="/v1/queue", query={"model": model})).get("data", [])
        return QueueView(entries[0])

    def change_mode(self, model: str, change: ModeChange) -> QueueView:
        """The queue of *model* after the change; to repeat it is no error."""
        path = f"/v1/models/{quote(model, safe='/')}/{change}"
        return QueueView(self._json(Call(method="POST", path=path), "model"))

    def usage(self, query: Mapping[str, str]) -> dict[str, Any]:
        """What was used, as `GET /v1/usage` tells it."""
        return self._json(Call(method="GET", path="/v1/usage", query=dict(query)), "data", "group_by", "total")

    def usage_as_csv(self, query: Mapping[str, str]) -> str:
        """The same rows as CSV."""
        call = Call(method="GET", path="/v1/usage", query={**query, "format": "csv"})
        return self._transport.send(call).content.decode()

    def models(self) -> dict[str, int | None]:
        """The most new tokens of one job, by the name of its model: the default one first, aliases last."""
        listed = self._json(Call(method="GET", path="/v1/models")).get("data", [])
        return {str(model["id"]): model.get("max_tokens") for model in listed}

    def longest_prompt(self, model: str) -> int | None:
        """The most characters of a prompt for it."""
        return self._json(Call(method="GET", path=f"/v1/models/{quote(model, safe='/')}")).get("max_prompt_chars")

    def limits(self) -> dict[str, Any]:
        """How the key at hand and its tenant stand, as `GET /v1/limits` tells it."""
        return self._json(Call(method="GET", path="/v1/limits"), "classes")

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether the API is ready, and what it says; asked once, for a retry would hide what is asked for."""
        response = self._transport.send_once(Call(method="GET", path="/health"))
        body = json_object(response)
        if "status" not in body:
            raise ApiProblem.from_response(response)
        return response.ok, body

    def _listed(self, path: str, filters: Mapping[str, str], limit: int | None) -> Iterator[JobView]:
        left, query = math.inf if limit is None else limit, dict(filters)
        while left > 0:
            page = self._json(Call(method="GET", path=path, query={**query, "limit": str(min(left, PAGE))}))
            jobs = [JobView(body) for body in page.get("data", [])]
            yield from jobs[: int(min(left, PAGE))]
            left -= len(jobs)
            if not page.get("has_more"):
                return
            query["cursor"] = str(page["next_cursor"])

    def _job(self, call: Call) -> JobView:
        return JobView(self._json(call, "id", "status"))

    def _json(self, call: Call, *members: str) -> dict[str, Any]:
        response = self._transport.send(call)
        body = json_object(response)
        if not body or any(member not in body for member in members):
            raise ApiProblem.of_stranger(self.url, response)
        return body


def _path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"
