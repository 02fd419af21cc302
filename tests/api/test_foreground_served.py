"""Requests that wait for their job, over real sockets: clients that leave, servers that end, jobs that are lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from jobs.answers import Skipped
from jobs.job import Job, JobState
from jobs.store import JobStore
from tests.api.conftest import Api, Worker
from tests.api.gunicorn_process import GunicornProcess
from tests.api.test_following import emit
from tests.api.test_gunicorn import until, watched
from tests.api.test_streams_served import start_server

__all__ = ["start_server"]

StartServer = Callable[..., GunicornProcess]
CHAT = {"model": "poet", "messages": [{"role": "user", "content": "Hark!"}]}
STREAMED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT | {"stream": True},
    "/v1/completions": {"model": "poet", "prompt": "Hark!", "stream": True},
    "/v1/responses": {"model": "poet", "input": "Hark!", "stream": True},
}


def only_job(store: JobStore) -> Job:
    [job] = store.list("default").jobs
    return job


def leave(server: GunicornProcess, redis_client: Redis, path: str, body: dict[str, Any]) -> None:
    """Ask for a stream, and go while nothing of its text has come."""
    text = json.dumps(body)
    head = f"POST {path} HTTP/1.1\nContent-Type: application/json\nContent-Length: {len(text)}"
    with server.begin(head) as connection:
        connection.sendall(text.encode())
        until(lambda: watched(redis_client) == 1)
    until(lambda: watched(redis_client) == 0)


@pytest.mark.parametrize("path", STREAMED)
def test_a_client_that_leaves_its_stream_ends_the_job_only_if_it_asked_for_that(
    start_server: StartServer, redis_client: Redis, store: JobStore, path: str
) -> None:
    server = start_server()
    leave(server, redis_client, path, STREAMED[path])
    stays = only_job(store)
    leave(server, redis_client, path, STREAMED[path] | {"on_disconnect": "cancel"})

    def states() -> dict[bool, JobState]:
        return {job.id == stays.id: job.state for job in store.list("default").jobs}

    until(lambda: states() == {True: JobState.QUEUED, False: JobState.CANCELLED})


def test_the_retry_of_a_client_that_left_before_the_text_finds_its_job(
    start_server: StartServer, redis_client: Redis, store: JobStore, worker: Worker
) -> None:
    server = start_server()
    leave(server, redis_client, "/v1/chat/completions", CHAT | {"stream": True})
    job_id = only_job(store).id
    worker.run(job_id)

    again = server.send("POST", "/v1/chat/completions", CHAT | {"stream": True}, X_Stainless_Retry_Count="1")

    assert again.headers["Location"] == f"/v1/jobs/{job_id}"
    assert again.text.endswith("data: [DONE]\n\n")
    assert only_job(store).id == job_id


def test_a_server_that_ends_has_its_waiting_clients_ask_another_which_finds_their_job(
    start_server: StartServer, redis_client: Redis, store: JobStore, worker: Worker
) -> None:
    first, second = start_server({"API_GRACEFUL_SECONDS": "600"}), start_server()
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(first.send, "POST", "/v1/chat/completions", CHAT)
        until(lambda: watched(redis_client) == 1)
        assert first.stop() == 0
        told = waiting.result(60)
    job_id = only_job(store).id
    assert (told.status, told.json["error"]["code"]) == (503, "still_running")
    assert (told.headers["Location"], told.headers["Retry-After"]) == (f"/v1/jobs/{job_id}", "1")
    assert "x-should-retry" not in told.headers
    worker.run(job_id)

    again = second.send("POST", "/v1/chat/completions", CHAT, X_Stainless_Retry_Count="1")

    assert (again.status, again.json["choices"][0]["message"]["content"]) == (200, "Who knocks?")
    assert only_job(store).id == job_id


@pytest.mark.parametrize("key", [None, "k"])
def test_a_job_that_readers_saw_and_nobody_can_continue_may_be_asked_for_anew(
    api: Api, store: JobStore, redis_client: Redis, worker: Worker, key: str | None
) -> None:
    headers = {"Idempotency_Key": key} if key else {}
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(api.post, "/v1/infer", {"prompt": "Hark!", "model": "poet"}, **headers)
        until(lambda: bool(store.list("default").jobs))
        lease = worker.claim(only_job(store).id)
        emit(store, lease, 0, ["Who"])
        store.follow("default", lease.job_id)
        redis_client.zadd(store.keys.name("watch"), {f"default/{lease.job_id}": 1})
        store.sweep()
        store.dispatch("poet")
        lost = store.claim(lease.job_id, model="poet", worker="w1", claim_id="c2", can_continue=False)
        assert isinstance(lost, Skipped)
        answer = asked.result(60)
    assert (answer.status_code, answer.json["error"]["code"], answer.json["retryable"]) == (500, "worker_lost", True)
    # A repeat under the same key would find the job that is lost.
    assert answer.headers.get("x-should-retry") == ("false" if key else None)
    assert api.get(f"/v1/jobs/{lease.job_id}/result").headers["x-should-retry"] == "false"
