"""How late a healthy receiver of webhooks hears of jobs that end at a steady pace, alone or beside bad neighbours."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from redis import Redis

from jobs.ids import new_id
from jobs.keys import Keys
from jobs.new_job import NewJob
from jobs.signature import Secret
from jobs.store import JobStore
from jobs.webhooks.endpoint import Endpoint, NewEndpoint
from jobs.webhooks.endpoints import EndpointStore
from jobs.webhooks.sealing import VARIABLE, Sealer, new_key
from scripts.benchmark import servers
from scripts.benchmark.estimate import percentile
from scripts.benchmark.receivers import DEAD, HEALTHY, SLOW, arrivals, port_of
from scripts.benchmark.scripted import REQUEST
from scripts.log_file import LogFile
from scripts.supervisor import Program, Stage

TENANT = "default"
EVENTS = ("job.cancelled",)
PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Seconds from a job's end to its event's arrival at the healthy receiver; how many never came.

    `cpu_seconds` are those of the sender, `slow` how many events the slow neighbour has answered meanwhile.
    """

    seconds: tuple[float, ...]
    lost: int
    slow: int
    cpu_seconds: float

    def percentile(self, share: float) -> float:
        return percentile(self.seconds, share)

    @property
    def per_cpu_second(self) -> float:
        """Events that were delivered, to whomever."""
        return (len(self.seconds) + self.slow) / self.cpu_seconds


class Post:
    """A store, a sender with its usual settings, and a standing endpoint that accepts at once."""

    def __init__(self, client: Redis, folder: Path, *, sealer: Sealer, sender: psutil.Process, healthy: Path) -> None:
        self._client = client
        self._folder = folder
        self._sealer = sealer
        self._sender = sender
        self._healthy = healthy
        self._store = JobStore(client)
        self._endpoints = EndpointStore(client)
        self._numbers = count()
        self._subscribe(HEALTHY, healthy)

    @classmethod
    @contextmanager
    def open(cls, folder: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Post]:
        """Start what it takes; all of it ends with the block. *environment* is for the sender, beside its defaults."""
        key = new_key()
        given = {VARIABLE: key, "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8", **(environment or {})}
        with ExitStack() as stack:
            url = stack.enter_context(servers.redis(folder / "redis"))
            client = stack.enter_context(servers.connected(url))
            sender = stack.enter_context(servers.sender(folder, redis_url=url, environment=given))
            healthy = stack.enter_context(_receivers(folder, "healthy"))
            yield cls(client, folder, sealer=Sealer([key]), sender=sender, healthy=healthy)

    def alone(self, *, events: int, per_second: float) -> Heard:
        """End so many jobs at that pace."""
        return self._hear(events, per_second, None)

    def beside(self, *, events: int, per_second: float) -> Heard:
        """The same, of which two new endpoints are told too: one that never answers, and a slow one."""
        with _receivers(self._folder, f"neighbours-{next(self._numbers)}") as neighbours:
            made = [self._subscribe(path, neighbours) for path in (DEAD, SLOW)]
            heard = self._hear(events, per_second, neighbours)
            for endpoint in made:
                self._endpoints.delete(TENANT, endpoint.id)
        _wait_until(self._is_idle, "the sender did not come to rest")
        return heard

    def _subscribe(self, path: str, file: Path) -> Endpoint:
        secret = Secret.new(os.urandom)
        url = f"http://127.0.0.1:{port_of(file)}{path}"
        new = NewEndpoint(id=new_id("we"), tenant=TENANT, name=path, url=url, event_types=EVENTS)
        return self._endpoints.create(new, sealed=self._sealer.seal(secret), hint=secret.hint)

    def _hear(self, events: int, per_second: float, neighbours: Path | None) -> Heard:
        before = self._cpu_seconds()
        ended = self._end_jobs(events, per_second)
        came = self._came(ended)
        spent = self._cpu_seconds() - before
        return Heard(
            seconds=tuple(came.values()),
            lost=len(ended) - len(came),
            slow=len(arrivals(neighbours)) if neighbours else 0,
            cpu_seconds=spent,
        )

    def _end_jobs(self, events: int, per_second: float) -> list[str]:
        ids = [new_id("job") for _ in range(events)]
        began = time.perf_counter()
        for number, job_id in enumerate(ids):
            self._store.accept(NewJob(id=job_id, tenant=TENANT, request=REQUEST))
            time.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            self._store.cancel(TENANT, job_id)
        return ids

    def _came(self, ids: Sequence[str]) -> dict[str, float]:
        """The seconds of each job that was heard of at all; a second time does not count."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            first = {one.job_id: one.seconds for one in reversed(arrivals(self._healthy))}
            found = {job_id: first[job_id] for job_id in ids if job_id in first}
            if len(found) == len(ids) or time.monotonic() > give_up_at:
                return found
            time.sleep(POLL_SECONDS)

    def _is_idle(self) -> bool:
        keys = Keys()
        pending: Any = [self._client.zcard(keys.name(name)) for name in ("hooks", "flights")]
        return not any(pending)

    def _cpu_seconds(self) -> float:
        times = self._sender.cpu_times()
        return float(times.user + times.system)


@contextmanager
def _receivers(folder: Path, name: str) -> Iterator[Path]:
    """Receivers in a process of their own; the file in which they tell what came. Their end ends what they hold."""
    file = folder / f"{name}.arrivals"
    program = Program(
        name=name,
        stage=Stage.WORKER,
        command=[sys.executable, "-m", "scripts.benchmark.receivers", str(file)],
        environment=os.environ,
        log=LogFile(folder / f"{name}.log"),
        grace_seconds=1.0,
    )
    with servers.started(program, is_ready=lambda: port_of(file) is not None):
        yield file


def _wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{otherwise} within {PATIENCE_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
