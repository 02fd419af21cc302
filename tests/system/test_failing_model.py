"""A model on a server that fails: its circuit opens, its jobs wait unburned, and probes find out when it works."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.job import Job, JobState
from resilience.circuit.keys import key_of_model
from tests.api.gunicorn_process import GunicornProcess
from tests.models.openai_stand_in import Asked, Behaviour, Problem, StandIn, says
from tests.redis_process import RedisProcess
from tests.system.worker_process import Client, WorkerProcess, wait_for

KEY = key_of_model("m")
PATIENCE_SECONDS = 120.0
PROBES = 3
OPEN_SECONDS = 3
CONFIG = """
models:
  m: {engine: upstream, slots: 8, upstream: {url: "%s", model: theirs}}
"""
DOWN, UP = Problem(500, {}), says("who knocks")


class Far:
    """The server behind the model: fails or works as the test says; how many asked while it was held is counted."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = DOWN
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0
        self.held: threading.Event | None = None
        self._lock = threading.Lock()
        self.server = StandIn(script=self._answer)

    def _answer(self, _: Asked) -> Behaviour:
        with self._lock:
            self.asked += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.held is not None:
                self.held.wait(PATIENCE_SECONDS)
            return self.behaviour
        finally:
            with self._lock:
                self.at_once -= 1


class Place:
    """An API and two workers of the model, over a server that may be restarted."""

    def __init__(self, redis: RedisProcess, folder: Path) -> None:
        self.redis = redis
        self.far = Far()
        file = folder / "far.yaml"
        file.write_text(CONFIG % self.far.server.url)
        env = {
            "TRUTHGPT_CONFIG": str(file),
            "CIRCUIT_BREAKER_TIMEOUT_SEC": str(OPEN_SECONDS),
            "FRONTIER_DISPATCH_GRACE_S": "1",
        }
        self.workers = [
            WorkerProcess(
                redis.url, _made(folder / name), tokens_per_second=1, env=env | {"FRONTIER_WORKER_NAME": name}
            )
            for name in ("m-1", "m-2")
        ]
        for worker in self.workers:
            worker.start()
        self.api = GunicornProcess({"REDIS_URL": redis.url, **env}, folder / "api.log")
        self.client = Client(redis.url)
        self.raw: Redis = Redis.from_url(redis.url)
        wait_for(lambda: self.client.store.queue("m", "default").workers == len(self.workers), PATIENCE_SECONDS)

    def stop(self) -> None:
        if self.far.held is not None:
            self.far.held.set()
        for worker in self.workers:
            worker.stop()
        self.api.close()
        self.far.server.close()
        self.raw.close()

    def submit(self, count: int) -> list[str]:
        """Accept so many jobs past the API, which would refuse them while the circuit is open."""
        return self.client.submit(count, max_tokens=4)

    def circuit(self) -> Any:
        [told] = self.api.send("GET", "/v1/circuits").json["data"]
        return told

    def wait_for(self, state: str) -> None:
        wait_for(lambda: self.circuit()["state"] == state, PATIENCE_SECONDS, tell=lambda: str(self.circuit()))

    def trip(self) -> list[Job]:
        """Have it open on jobs that have failed once each, and that wait for another attempt; every process knows."""
        self.far.behaviour = DOWN
        ids = self.submit(8)
        self.wait_for("open")
        self.sweep_for(2)
        return self.client.jobs(ids)

    def force(self, state: str | None) -> None:
        assert self.api.send("POST", f"/v1/circuits/{KEY}/force", {"state": state}).status == 200

    def sweep_for(self, seconds: float) -> None:
        """Until the housekeeping, with its dispatch, has gone on for so long."""
        began = self._tick()
        wait_for(lambda: self._tick() > began + seconds * 1000, PATIENCE_SECONDS)

    def _tick(self) -> int:
        told: Any = self.raw.get("frontier:tick")
        return int(told or 0)

    def settle(self) -> None:
        """Until no attempt is under way any more."""
        wait_for(lambda: self.client.store.queue("m", "default").running == 0, PATIENCE_SECONDS)


@pytest.fixture
def place(redis_process: RedisProcess, tmp_path: Path) -> Iterator[Place]:
    place = Place(redis_process, tmp_path)
    yield place
    place.stop()


def attempts(jobs: list[Job]) -> Counter[int]:
    return Counter(job.failures for job in jobs)


def test_a_server_that_fails_burns_no_attempts_and_all_succeed_when_it_is_back(place: Place) -> None:
    burned = {job.id: job.failures for job in place.trip()}
    waiting = place.submit(20)
    place.settle()
    wait_for(lambda: _is_refused(place), PATIENCE_SECONDS)
    wait_for(lambda: place.circuit()["trips_in_a_row"] >= 2, PATIENCE_SECONDS)
    place.settle()
    before = {job.id: job.failures for job in place.client.jobs([*burned, *waiting])}
    assert all(before[job_id] == 0 for job_id in waiting), "neither waiting nor a failed probe is an attempt"

    place.far.behaviour = UP
    jobs = place.client.wait_until_final([*burned, *waiting], PATIENCE_SECONDS)
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert {job.id: job.failures for job in jobs} == before, "healing has cost no attempt"
    place.wait_for("closed")
    told = place.circuit()
    assert told["trips_in_a_row"] == 0
    assert told["transitions"]["opened"] >= 2
    assert told["probes"]["succeeded"] >= PROBES


def test_no_more_probes_than_places_reach_the_server_with_many_jobs_and_two_workers(place: Place) -> None:
    place.trip()
    place.settle()
    ids = place.submit(50)
    place.far.held = threading.Event()
    place.far.behaviour = UP
    place.far.most_at_once = 0
    wait_for(lambda: place.far.at_once == PROBES, PATIENCE_SECONDS, tell=lambda: str(place.circuit()))
    tried_again = place.far.asked
    place.sweep_for(5)
    assert (place.far.asked, place.far.most_at_once) == (tried_again, PROBES)
    assert place.circuit()["probes"]["running"] == PROBES

    place.far.held.set()
    jobs = place.client.wait_until_final(ids, PATIENCE_SECONDS)
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * 50
    assert attempts(jobs) == {0: 50}


@pytest.mark.long
def test_the_place_of_a_killed_prober_comes_back(place: Place) -> None:
    place.trip()
    place.settle()
    ids = place.submit(10)
    place.far.held = threading.Event()
    place.far.behaviour = UP
    wait_for(lambda: place.far.at_once == PROBES, PATIENCE_SECONDS)
    for worker in place.workers:
        worker.stop()
        worker.start()
    place.far.held.set()
    jobs = place.client.wait_until_final(ids, PATIENCE_SECONDS)
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    place.wait_for("closed")
    assert place.circuit()["probes"]["lost"] >= 1


def test_it_stays_open_over_a_restart_of_redis(place: Place) -> None:
    place.trip()
    place.settle()
    ids = place.submit(5)
    place.force("open")
    asked = place.far.asked
    place.redis.kill()
    place.redis.start()
    place.wait_for("open")
    place.far.behaviour = UP
    place.sweep_for(3)
    assert place.far.asked == asked
    assert {job.state for job in place.client.jobs(ids)} == {JobState.QUEUED}
    place.force(None)
    assert {job.state for job in place.client.wait_until_final(ids, PATIENCE_SECONDS)} == {JobState.SUCCEEDED}


def test_an_operator_keeps_jobs_queued_and_releases_them(place: Place) -> None:
    place.far.behaviour = UP
    place.force("open")
    wait_for(lambda: _is_refused(place), PATIENCE_SECONDS)
    place.sweep_for(2)  # what a worker knows of a circuit is up to a second old
    ids = place.submit(12)
    place.sweep_for(2)
    assert {job.state for job in place.client.jobs(ids)} == {JobState.QUEUED}
    assert place.far.asked == 0
    place.force("closed")
    jobs = place.client.wait_until_final(ids, PATIENCE_SECONDS)
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert place.circuit()["forced"] | {"at": ""} == {"state": "closed", "by": "operator", "at": ""}


def _is_refused(place: Place) -> bool:
    """Asks once; while the circuit is half open, for a moment now and then, jobs are accepted."""
    answer = place.api.send("POST", "/v1/jobs", {"model": "m", "input": {"prompt": "Hark!"}})
    if answer.status == 202:
        return False
    assert (answer.status, answer.json["type"]) == (503, "/problems/circuit-open")
    assert int(answer.headers["Retry-After"]) >= 1
    return True


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
