"""How soon a cancelled job's slot is another's, in an engine with one slot whose tokens are the time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from redis import Redis

from jobs.keys import Keys
from scripts.benchmark import servers
from scripts.benchmark.client import Client
from scripts.benchmark.first_tokens import streamed
from scripts.benchmark.frames import Frame
from scripts.benchmark.scripted import REQUEST, clock_config

PATIENCE_SECONDS = 30.0
POLL_SECONDS = 0.005
ENDLESS = replace(REQUEST, params=replace(REQUEST.params, max_tokens=1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Seconds from the sending of a cancel: to its answer, its arrival at the worker, the next job's first token.

    `steps` are those that the engine ended for the cancelled job after the cancel had arrived.
    """

    answered: float
    arrived: float
    next_token: float
    steps: int


class Arrivals:
    """When workers were told something, as one more listener on their channels hears it."""

    def __init__(self) -> None:
        self._heard: list[tuple[bytes, float]] = []

    @contextmanager
    def listening(self, client: Redis, pattern: str) -> Iterator[None]:
        """Listen for the length of the block."""
        pubsub = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        pubsub.psubscribe(**{pattern: lambda message: self._heard.append((message["data"], time.monotonic()))})
        thread = pubsub.run_in_thread(sleep_time=0.5, daemon=True)
        try:
            yield
        finally:
            thread.stop()
            thread.join()

    def of(self, job_id: str, *, since: float) -> float:
        """The first word about a job after an instant. Raises TimeoutError if none comes."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            for ref, at in list(self._heard):
                if at >= since and ref.decode().endswith(job_id):
                    return at
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"nothing was said about {job_id} within {PATIENCE_SECONDS:g} s")


def freed_slots(folder: Path, *, times: int, step_seconds: float, random: Random) -> list[Cancelled]:
    """One job after the other is cancelled at any moment of a step, while the next one waits in the engine."""
    config = clock_config(folder, slots=1, tokens_per_second=1 / step_seconds)
    arrivals = Arrivals()
    with (
        servers.redis(folder / "redis") as redis_url,
        servers.api(folder, redis_url=redis_url, config=config) as client,
        servers.worker(folder, redis_url=redis_url, config=config),
        servers.connected(redis_url) as redis,
        arrivals.listening(redis, Keys().control("*")),
        ExitStack() as streams,
    ):
        found = []
        running = _begin(streams, client)
        _first_instant(running.frames)
        for _ in range(times):
            waiting = _begin(streams, client)
            waiting.wait_until_claimed()
            time.sleep(random.uniform(0, step_seconds))
            found.append(_cancel(client, running, waiting, arrivals))
            running = waiting
        client.cancel(running.job_id)
        list(running.frames)
    return found


@dataclass(frozen=True, slots=True)
class _Stream:
    snapshot: Frame
    frames: Iterator[Frame]

    @property
    def job_id(self) -> str:
        return str(self.snapshot.data["id"])

    def wait_until_claimed(self) -> None:
        if self.snapshot.data["status"] == "queued":
            next(frame for frame in self.frames if frame.name == "status" and frame.data["status"] == "running")


def _begin(streams: ExitStack, client: Client) -> _Stream:
    frames = streams.enter_context(client.stream("POST", "/v1/infer", streamed(ENDLESS)))
    return _Stream(next(frames), frames)


def _cancel(client: Client, running: _Stream, waiting: _Stream, arrivals: Arrivals) -> Cancelled:
    sent = time.monotonic()
    client.cancel(running.job_id)
    answered = time.monotonic()
    arrived = arrivals.of(running.job_id, since=sent)
    next_token = _first_instant(waiting.frames)
    said = _instants(running.frames)
    return Cancelled(
        answered=answered - sent,
        arrived=arrived - sent,
        next_token=next_token - sent,
        steps=sum(instant > arrived for instant in said),
    )


def _first_instant(frames: Iterator[Frame]) -> float:
    return next(float(frame.data["text"]) for frame in frames if frame.name == "token")


def _instants(frames: Iterator[Frame]) -> Sequence[float]:
    """All that were said, the partial text being all of it. Reads the stream to its end."""
    *_, final = frames
    return [float(word) for word in final.data["result"]["text"].split()]
