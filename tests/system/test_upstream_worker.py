from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.token_run import TokenRun
from tests.models.openai_stand_in import Behaviour, Problem, StandIn, Stream, piece, says
from tests.system.worker_process import Client, WorkerProcess, wait_for

KEY = "sk-very-secret"
ENDLESS = 100_000
CONFIG = """
models:
  m: {engine: upstream, slots: 2, upstream: {url: "%s", model: theirs, api_key_env: THEIR_KEY}}
"""
NO_TORCH = "raise ImportError('a worker of an upstream model has no need of torch')"


@pytest.fixture
def serve(redis_url: str, tmp_path: Path) -> Iterator[Callable[..., StandIn]]:
    """Starts a stand-in and a worker for it, where torch cannot be imported."""
    started: list[StandIn | WorkerProcess] = []
    (tmp_path / "blocked").mkdir()
    for package in ("torch", "transformers"):
        (tmp_path / "blocked" / f"{package}.py").write_text(NO_TORCH)

    def make(*behaviours: Behaviour) -> StandIn:
        server = StandIn(*behaviours)
        started.append(server)
        config = tmp_path / "upstream.yaml"
        config.write_text(CONFIG % server.url)
        env = {"TRUTHGPT_CONFIG": str(config), "THEIR_KEY": KEY, "PYTHONPATH": str(tmp_path / "blocked")}
        worker = WorkerProcess(redis_url, tmp_path, tokens_per_second=1, env=env)
        started.append(worker)
        worker.start()
        return server

    yield make
    for one in reversed(started):
        one.stop() if isinstance(one, WorkerProcess) else one.close()
    log = tmp_path / "worker.log"
    assert KEY not in log.read_text()


@pytest.fixture
def client(redis_url: str) -> Client:
    return Client(redis_url)


Serve = Callable[..., StandIn]


def test_a_busy_server_is_no_failure_and_its_job_comes_back(serve: Serve, client: Client) -> None:
    serve(Problem(429, {}, {"Retry-After": "4"}), says("at last"))
    ids = client.submit(1, max_tokens=4)
    wait_for(lambda: client.jobs(ids)[0].not_before is not None, 60)
    [waiting] = client.jobs(ids)
    assert (waiting.state.value, waiting.failures, waiting.lost_leases) == ("queued", 0, 0)
    [job] = client.wait_until_final(ids)
    assert (job.state.value, job.text, job.attempt, job.failures) == ("succeeded", " at last", 1, 0)
    assert (job.usage.prompt_tokens, job.usage.completion_tokens) == (3, 2)
    assert client.store.tokens("default", job.id) == TokenRun(ids=(-1, -1), pieces=(" at", " last"))


def test_a_server_that_fails_costs_attempts_and_one_that_refuses_ends_the_job(serve: Serve, client: Client) -> None:
    refusal = Problem(400, {"error": {"message": "max_tokens is too large", "param": "max_tokens"}})
    serve(Problem(500, {}), Problem(500, {}), says("third time"), refusal)
    [job] = client.wait_until_final(client.submit(1, max_tokens=4))
    assert (job.state.value, job.text, job.attempt, job.failures) == ("succeeded", " third time", 3, 2)
    [job] = client.wait_until_final(client.submit(1, max_tokens=4))
    assert (job.state.value, job.attempt) == ("failed", 1)
    assert job.error is not None
    assert (job.error.code, job.error.field) == ("upstream_refused", "params.max_tokens")
    assert job.error.message == "max_tokens is too large"


def test_a_cancel_while_streaming_closes_the_connection_to_the_server(serve: Serve, client: Client) -> None:
    server = serve(Stream([piece(" on")], goes_on=True))
    ids = client.submit(1, max_tokens=ENDLESS)
    wait_for(lambda: client.jobs(ids)[0].emitted_tokens > 0, 60)
    client.store.cancel("default", ids[0])
    [job] = client.wait_until_final(ids)
    assert job.state.value == "cancelled"
    assert server.next_gone().headers["Authorization"] == f"Bearer {KEY}"


def test_an_attempt_that_runs_out_of_time_leaves_a_silent_server(serve: Serve, client: Client) -> None:
    never = threading.Event()
    server = serve(Stream([piece(" so"), never]), says("free again"))
    [slow] = client.submit(1, max_tokens=4, timeout_seconds=2.0)
    server.next_asked()
    [job] = client.wait_until_final([slow])
    assert job.error is not None
    assert (job.state.value, job.error.code) == ("failed", "timeout")
    [after] = client.wait_until_final(client.submit(1, max_tokens=4))
    assert after.text == " free again"
    never.set()
