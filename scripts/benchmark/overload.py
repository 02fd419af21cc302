"""A system with a short queue that is offered more than it can do, and what becomes of all that it is offered."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from api.limit_settings import NO_LIMITS, RPM_VARIABLE
from jobs.job import JobState
from jobs.store import JobStore
from scripts.benchmark import servers
from scripts.benchmark.client import Client
from scripts.benchmark.crowd import crowd
from scripts.benchmark.scripted import MODEL

SLOTS = 4
TOKENS = 8
TOKENS_PER_SECOND = 40.0
CAPACITY = SLOTS * TOKENS_PER_SECOND / TOKENS
"""Jobs per second."""

MOST_WAITING = 20
UNLIMITED = NO_LIMITS
LIMITED = {RPM_VARIABLE: f"{60 * CAPACITY:g}", "RATE_LIMIT_WINDOW_SEC": "1"}
CLIENTS = 32
LOOKS_PER_SECOND = 20.0
PATIENCE_SECONDS = 120.0

_CONFIG = f"""
models:
  {MODEL}:
    engine: scripted
    slots: {SLOTS}
    limits: {{max_waiting: {MOST_WAITING}, max_waiting_per_tenant: {MOST_WAITING}}}
    script: {{tells_time: true, tokens_per_second: %g}}
"""
_BODY = {"input": {"prompt": "What hour?"}, "params": {"max_tokens": TOKENS}}
_ACCEPTANCES = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.OK})
"""The second where the job has ended before its acceptance could be told."""

_REFUSALS = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One that came so many `seconds` after its request was due, which may be later than it was sent."""

    status: int
    seconds: float
    document: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The seconds of each refusal, of each acceptance and of each look at the API's health meanwhile.

    `succeeded` jobs of those that were accepted have succeeded, at the first attempt.
    """

    refused: Sequence[float]
    accepted: Sequence[float]
    looks: Sequence[float]
    succeeded: int


@dataclass(frozen=True, kw_only=True)
class Works:
    """Does `CAPACITY` jobs a second, and lets `MOST_WAITING` wait."""

    api: Client
    store: JobStore

    @classmethod
    @contextmanager
    def open(
        cls,
        folder: Path,
        *,
        environment: Mapping[str, str] = UNLIMITED,
        tokens_per_second: float = TOKENS_PER_SECOND,
    ) -> Iterator[Works]:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "works.yaml"
        config.write_text(_CONFIG % tokens_per_second, encoding="utf-8")
        with (
            servers.redis(folder / "redis") as url,
            servers.worker(folder, redis_url=url, config=config),
            servers.api(folder, redis_url=url, config=config, environment=environment) as api,
            servers.connected(url) as client,
        ):
            yield cls(api=api, store=JobStore(client))

    def offer(self, *, per_second: float, seconds: float) -> Offered:
        """Submit at a steady pace, whatever is answered; return when the last accepted job has ended.

        Raises RuntimeError if anything is answered that neither accepts nor refuses, and TimeoutError if a job does
        not end.
        """
        with ThreadPoolExecutor(max_workers=1) as aside:
            looking = aside.submit(self._ask, "GET", "/health/ready", None, LOOKS_PER_SECOND, seconds, clients=1)
            answers = self._ask("POST", "/v1/jobs", _BODY, per_second, seconds, clients=CLIENTS)
            looks = looking.result()
        accepted = [answer for answer in answers if answer.status in _ACCEPTANCES]
        refused = [answer for answer in answers if answer.status in _REFUSALS]
        if len(accepted) + len(refused) < len(answers):
            raise RuntimeError(f"submits were answered {sorted({answer.status for answer in answers})}")
        return Offered(
            refused=[answer.seconds for answer in refused],
            accepted=[answer.seconds for answer in accepted],
            looks=[answer.seconds for answer in looks],
            succeeded=sum(self._succeeds_at_once(answer.document) for answer in accepted),
        )

    def jobs(self) -> int:
        """How many there are, however they stand."""
        return len(self.store.list("default", limit=1000).jobs)

    def _ask(
        self, method: str, path: str, body: Any, per_second: float, seconds: float, *, clients: int
    ) -> list[Answer]:
        begin = time.monotonic()

        def ask(number: int) -> Answer:
            due = begin + number / per_second
            time.sleep(max(0.0, due - time.monotonic()))
            status, document = self.api.call(method, path, body)
            return Answer(status=status, seconds=time.monotonic() - due, document=document)

        return crowd(range(round(per_second * seconds)), ask, clients=clients)

    def _succeeds_at_once(self, job: dict[str, Any]) -> bool:
        until = time.monotonic() + PATIENCE_SECONDS
        while not (ended := self.store.find("default", job["id"])).is_final:
            if time.monotonic() > until:
                raise TimeoutError(f"a job has not ended within {PATIENCE_SECONDS:g} s")
            time.sleep(0.01)
        return ended.state is JobState.SUCCEEDED and ended.attempt == 1
