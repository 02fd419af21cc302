"""Streams over real sockets: readers that leave, stall or are too many, and a server that ends."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from jobs.job import JobState
from jobs.store import JobStore
from tests.api.conftest import TOKEN, Worker
from tests.api.gunicorn_process import GunicornProcess
from tests.api.test_following import emit
from tests.api.test_gunicorn import BODY, until, watched

StartServer = Callable[..., GunicornProcess]


@pytest.fixture
def start_server(redis_url: str, catalog_file: Path, tmp_path: Path) -> Iterator[StartServer]:
    with ExitStack() as cleanup:

        def start(env: Mapping[str, str] | None = None) -> GunicornProcess:
            usual = {"REDIS_URL": redis_url, "TRUTHGPT_CONFIG": str(catalog_file)}
            server = GunicornProcess(usual | dict(env or {}), tmp_path / "log")
            cleanup.callback(server.close)
            return server

        yield start


def begin_infer(server: GunicornProcess, on_disconnect: str) -> socket.socket:
    body = f'{{"prompt": "Hark!", "stream": true, "on_disconnect": "{on_disconnect}"}}'
    head = f"POST /v1/infer HTTP/1.1\nContent-Type: application/json\nContent-Length: {len(body)}"
    connection = server.begin(head)
    connection.sendall(body.encode())
    return connection


def state(store: JobStore) -> JobState:
    return store.list("default").jobs[0].state


def test_a_silent_stream_s_reader_that_leaves_ends_its_job_if_it_asked_for_that(
    start_server: StartServer, redis_client: Redis, store: JobStore
) -> None:
    server = start_server()
    connection = begin_infer(server, "cancel")
    until(lambda: watched(redis_client) == 1)

    connection.close()

    until(lambda: state(store) is JobState.CANCELLED)
    until(lambda: watched(redis_client) == 0)


def test_a_job_goes_on_without_its_reader_and_a_server_that_ends_cancels_nothing(
    start_server: StartServer, redis_client: Redis, store: JobStore
) -> None:
    server = start_server({"API_GRACEFUL_SECONDS": "600"})
    begin_infer(server, "continue").close()
    with begin_infer(server, "cancel") as connection:
        until(lambda: watched(redis_client) == 1)

        assert server.stop() == 0

        told = connection.makefile("rb").read()

    assert b"retry: 1000\n\n" in told
    assert b"event: final" not in told
    assert {job.state for job in store.list("default").jobs} == {JobState.QUEUED}


def test_a_stream_that_was_too_old_goes_on_over_the_same_connection(start_server: StartServer, worker: Worker) -> None:
    server = start_server({"API_STREAM_SECONDS": "1"})
    path = f"/v1/jobs/{server.send('POST', '/v1/jobs', BODY).json['id']}/events"
    lease = worker.claim(path.split("/")[3])
    again = f"GET {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    with server.begin(f"GET {path} HTTP/1.1") as connection:
        connection.sendall(again.encode())  # it waits for its turn
        told = connection.makefile("rb")
        emitted = 0
        while not (line := told.readline()).startswith(b"retry:"):
            assert line
            if line.startswith(b"id:"):
                emit(worker.store, lease, emitted, ["x"])
                emitted += 1
        emit(worker.store, lease, emitted, ["the last"])
        while b"the last" not in line:
            line = told.readline()
            assert line, "the second stream was cut off"
        emit(worker.store, lease, emitted + 1, ["one more"])
        while b"one more" not in line:
            line = told.readline()
            assert line, "the second stream was cut off"


def test_a_place_is_free_again_when_its_reader_has_left(start_server: StartServer, redis_client: Redis) -> None:
    server = start_server({"API_STREAMS_PER_KEY": "1"})
    path = f"/v1/jobs/{server.send('POST', '/v1/jobs', BODY).json['id']}/events"
    with server.begin(f"GET {path} HTTP/1.1") as connection:
        connection.makefile("rb").readline()
        refused = server.send("GET", path)
        jobs_before = len(redis_client.keys("*:job:*"))
        also_refused = server.send("POST", "/v1/infer", {"prompt": "Hark!", "stream": True})

    assert (refused.status, refused.json["type"]) == (429, "/problems/too-many-streams")
    assert refused.headers["Retry-After"] == "5"
    assert also_refused.status == 429
    assert len(redis_client.keys("*:job:*")) == jobs_before

    def is_served() -> bool:
        with server.begin(f"GET {path} HTTP/1.1") as connection:
            return connection.makefile("rb").readline().startswith(b"HTTP/1.1 200 ")

    until(is_served)


def test_a_reader_that_takes_nothing_is_dropped(start_server: StartServer, redis_client: Redis, worker: Worker) -> None:
    server = start_server({"API_STREAM_STALL_S": "0.2"})
    job_id = server.send("POST", "/v1/jobs", BODY).json["id"]
    lease = worker.claim(job_id)
    for first in range(0, 256, 64):
        emit(worker.store, lease, first, ["x" * 60_000] * 64)
    connection = server.begin(f"GET /v1/jobs/{job_id}/events HTTP/1.1")
    until(lambda: watched(redis_client) == 1)

    until(lambda: watched(redis_client) == 0)

    connection.close()


def test_many_readers_share_few_connections(start_server: StartServer, redis_client: Redis) -> None:
    server = start_server()
    before = len(redis_client.client_list())
    ids = [server.send("POST", "/v1/jobs", BODY | {"model": "clerk"}).json["id"] for _ in range(20)]
    with ExitStack() as readers:
        for number in range(200):
            readers.enter_context(server.begin(f"GET /v1/jobs/{ids[number % 20]}/events HTTP/1.1"))
        until(lambda: watched(redis_client) == 20)

        assert len(redis_client.client_list()) - before <= 11
