"""What only the real server can show: gevent, real sockets, a Redis that goes away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.store import JobStore
from tests.api.conftest import Worker
from tests.api.gunicorn_process import GunicornProcess
from tests.redis_process import RedisProcess

StartServer = Callable[[Mapping[str, str], Path], GunicornProcess]

BODY = {"input": {"prompt": "Hark!"}}
CONNECTIONS = 16
"""To Redis, that a process of the API holds at most (docs/operations.md)."""


@pytest.fixture(scope="module")
def shared_server(
    redis_server: str, catalog_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GunicornProcess]:
    env = {"REDIS_URL": redis_server, "TRUTHGPT_CONFIG": str(catalog_file), "API_BODY_SECONDS": "0.5"}
    server = GunicornProcess(env, tmp_path_factory.mktemp("gunicorn") / "log")
    yield server
    assert server.stop() == 0


@pytest.fixture
def server(shared_server: GunicornProcess, redis_url: str) -> GunicornProcess:
    del redis_url
    return shared_server


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """For a server of the test's own, which ends with the test."""
    with ExitStack() as cleanup:

        def start(env: Mapping[str, str], log: Path) -> GunicornProcess:
            server = GunicornProcess(env, log)
            cleanup.callback(server.close)
            return server

        yield start


def until(is_so: Callable[[], bool]) -> None:
    """Return when *is_so*; a test that never gets there fails."""
    for _ in range(1200):
        if is_so():
            return
        threading.Event().wait(0.025)
    raise AssertionError


def watched(client: Redis) -> int:
    channels: Any = client.pubsub_channels("frontier:t:*:wake:*")
    return len(channels)


def test_a_long_poll_is_woken_by_the_end_of_its_job(
    server: GunicornProcess, worker: Worker, redis_client: Redis
) -> None:
    job_id = server.send("POST", "/v1/jobs", BODY).json["id"]
    with ThreadPoolExecutor() as pool:
        poll = pool.submit(server.send, "GET", f"/v1/jobs/{job_id}", Prefer="wait=60")
        until(lambda: watched(redis_client) == 1)

        worker.run(job_id)

        answer = poll.result(60)
    assert (answer.status, answer.json["status"]) == (200, "succeeded")
    assert answer.json["result"]["text"] == "Who knocks?"
    until(lambda: watched(redis_client) == 0)


def test_a_submit_that_waits_answers_with_the_result(
    server: GunicornProcess, worker: Worker, store: JobStore, redis_client: Redis
) -> None:
    with ThreadPoolExecutor() as pool:
        submit = pool.submit(server.send, "POST", "/v1/jobs", BODY, Prefer="wait=60")
        until(lambda: watched(redis_client) == 1)

        worker.run(store.list("default").jobs[0].id)

        assert submit.result(60).status == 200


def test_hundreds_of_long_polls_share_a_handful_of_connections(
    server: GunicornProcess, store: JobStore, redis_client: Redis
) -> None:
    ids = [server.send("POST", "/v1/jobs", BODY | {"model": "clerk"}).json["id"] for _ in range(20)]
    before = len(redis_client.client_list())
    polls = [server.begin(f"GET /v1/jobs/{ids[n % 20]} HTTP/1.1\nPrefer: wait=60") for n in range(200)]
    until(lambda: watched(redis_client) == 20)

    assert len(redis_client.client_list()) <= before + CONNECTIONS
    for job_id in ids:
        store.cancel("default", job_id)

    answers = [poll.makefile("rb").readline() for poll in polls]
    for poll in polls:
        poll.close()
    assert set(answers) == {b"HTTP/1.1 200 OK\r\n"}


def test_a_body_that_does_not_arrive_is_ended(server: GunicornProcess, redis_client: Redis) -> None:
    with server.begin("POST /v1/jobs HTTP/1.1\nContent-Type: application/json\nContent-Length: 100") as slow:
        slow.sendall(b'{"input":')
        answer = slow.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/slow-body" in answer
    assert redis_client.keys("*job*") == []


def test_a_chunked_body_is_counted_too(server: GunicornProcess, redis_client: Redis) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"input": {"prompt": "'
        for _ in range(17):
            yield b"x" * 65_536

    answer = server.send("POST", "/v1/jobs", chunks())

    assert (answer.status, answer.json["errors"][0]["field"]) == (413, "body")
    assert redis_client.keys("*job*") == []


def test_a_chunked_body_within_the_limit_is_read(server: GunicornProcess) -> None:
    assert server.send("POST", "/v1/jobs", iter([b'{"input": ', b'{"prompt": "Hark!"}}'])).status == 202


@pytest.mark.parametrize(
    "head", ["GET /v1/jobs?" + "x" * 4094 + " HTTP/1.1", "GET /v1/jobs HTTP/1.1\n" + "\n".join(["A: b"] * 50)]
)
def test_a_request_head_without_measure_is_refused(server: GunicornProcess, head: str) -> None:
    with server.begin(head) as connection:
        assert connection.makefile("rb").readline().startswith(b"HTTP/1.1 4")


def test_an_outage_of_redis_is_told_and_survived(
    start_server: StartServer, redis_process: RedisProcess, catalog_file: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    server = start_server({"REDIS_URL": redis_process.url, "TRUTHGPT_CONFIG": str(catalog_file)}, log)
    job_id = server.send("POST", "/v1/jobs", BODY).json["id"]

    redis_process.kill()
    refused = server.send("POST", "/v1/jobs", BODY)
    assert refused.status == 503
    assert refused.json["type"] == "/problems/store-unavailable"
    assert refused.headers["Retry-After"] == "5"
    assert server.send("GET", "/health/ready").status == 503
    assert server.send("GET", "/health").json["redis"] == "unavailable"
    assert server.send("GET", "/health/live").status == 200
    until(lambda: "redis_is_away" in log.read_text())

    redis_process.start()
    assert server.send("POST", "/v1/jobs", BODY).status == 202
    assert server.send("GET", f"/v1/jobs/{job_id}").json["status"] == "queued"
    assert server.send("GET", "/health/ready").status == 200
    assert server.stop() == 0
    assert log.read_text().count("redis_is_away") == 1


def test_jobs_expire_without_any_worker(server: GunicornProcess) -> None:
    job_id = server.send("POST", "/v1/jobs", BODY | {"start_within_s": 0.001}).json["id"]

    answer = server.send("GET", f"/v1/jobs/{job_id}", Prefer="wait=60")

    assert answer.json["status"] == "expired"
    assert server.send("GET", f"/v1/jobs/{job_id}/result").status == 504


def test_a_server_that_is_told_to_end_lets_its_waiters_answer_first(
    start_server: StartServer, redis_url: str, redis_client: Redis, catalog_file: Path, tmp_path: Path
) -> None:
    env = {"REDIS_URL": redis_url, "TRUTHGPT_CONFIG": str(catalog_file), "API_GRACEFUL_SECONDS": "600"}
    server = start_server(env, tmp_path / "log")
    with ThreadPoolExecutor() as pool:
        submit = pool.submit(server.send, "POST", "/v1/jobs", BODY, Prefer="wait=60")
        until(lambda: watched(redis_client) == 1)

        assert server.stop() == 0

        assert (submit.result().status, submit.result().json["status"]) == (202, "queued")


def test_settings_that_are_wrong_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="PORT: Not a valid integer"):
        GunicornProcess({"PORT": "eighty"}, tmp_path / "log")


def test_chunks_that_are_not_well_formed_are_told_so(server: GunicornProcess, redis_client: Redis) -> None:
    with server.begin("POST /v1/jobs HTTP/1.1\nContent-Type: application/json\nTransfer-Encoding: chunked") as client:
        client.sendall(b"zz\r\n{}\r\n0\r\n\r\n")
        answer = client.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"body: is not sent in well-formed chunks" in answer
    assert redis_client.keys("*job*") == []


def test_what_strangers_send_stands_in_the_log_as_json_only(
    start_server: StartServer, redis_url: str, catalog_file: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    server = start_server({"REDIS_URL": redis_url, "TRUTHGPT_CONFIG": str(catalog_file)}, log)
    with server.begin("A\x1b[31mB /\x07 HTTP/1.1") as client:
        assert client.makefile("rb").readline().startswith(b"HTTP/1.1 400 ")
    assert server.stop() == 0

    (complaint,) = [line for line in log.read_text().splitlines() if "Invalid request" in line]
    assert json.loads(complaint)["level"] == "WARNING"
