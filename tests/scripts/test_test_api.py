"""How `frontier test-api` finds out what it talks to, and how long it listens, against a server of the test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from random import Random

import pytest

from scripts.patience import Patience
from scripts.test_api.answer import Skipped, Unmet
from scripts.test_api.system import System
from scripts.transport import Transport
from tests.scripts.client_app import start_frontier
from tests.scripts.job_api import TOKEN, Answer, Request, problem
from tests.scripts.job_server import JobServer
from tests.scripts.streamed_job import HEARTBEAT

JOB_ID = "job_0000000000000000000001"


@pytest.fixture
def server() -> Iterator[JobServer]:
    with JobServer() as server:
        yield server


def refusal(server: JobServer, home: Path, *words: str) -> str:
    with start_frontier(server.url, home, "test-api", *words) as process:
        _, said = process.communicate()
    assert process.returncode == 1
    return said.strip()


def encoder_alone(request: Request) -> Answer:
    """A system that has nothing but a model that embeds."""
    job = {"id": JOB_ID, "status": "succeeded"}
    answers = {
        "GET /openapi.json": Answer(200, {"paths": {"/v1/jobs": {}}}),
        "GET /v1/models": Answer(200, {"data": [{"id": "vectors"}]}),
        "POST /v1/embeddings": Answer(200, {"data": []}, {"Location": f"/v1/jobs/{JOB_ID}"}),
        f"POST /v1/jobs/{JOB_ID}/cancel": Answer(200, job),
        f"GET /v1/jobs/{JOB_ID}": Answer(200, job),
        f"DELETE /v1/jobs/{JOB_ID}": Answer(204, {}),
    }
    call = f"{request.method} {request.path}"
    return answers.get(call) or problem(404, "not-found", call)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Error: there is no model that generates text"),
        (("--model", "vectors"), "Error: no model that generates text is called 'vectors'"),
    ],
)
def test_a_model_is_looked_for_without_leaving_a_job(
    words: tuple[str, ...], said: str, server: JobServer, tmp_path: Path
) -> None:
    server.answer = encoder_alone

    assert refusal(server, tmp_path, *words) == said
    assert [request.path for request in server.requests if request.method == "DELETE"] == [f"/v1/jobs/{JOB_ID}"]


@pytest.mark.parametrize("document", [{"hello": "world"}, {"paths": {"/v1/models": {}}}])
def test_a_stranger_is_named(document: dict[str, object], server: JobServer, tmp_path: Path) -> None:
    server.answer = lambda _: Answer(200, document)

    said = f"Error: what answers at {server.url} does not speak Frontier's job API"
    assert refusal(server, tmp_path) == said


def silence_for_ever(_: Request) -> Answer:
    return Answer(200, {}, {"Location": f"/v1/jobs/{JOB_ID}"}, repeat(HEARTBEAT))


def test_a_stream_that_tells_nothing_is_left_in_time_and_nothing_waits_for_a_second_job(server: JobServer) -> None:
    server.answer = silence_for_ever
    random = Random(0)
    transport = Transport(
        server.url, TOKEN, connections=1, patience=Patience(), pause=time.sleep, clock=time.monotonic, random=random
    )
    system = System(transport=transport, bare=transport, seconds=0.1)

    with pytest.raises(Unmet, match=r"the stream of POST /v1/infer had not ended within 0.1 s"):
        system.call("POST /v1/infer", json={"prompt": "x", "stream": True})
    with pytest.raises(Skipped, match=r"it needs jobs to end in time, and the stream of POST /v1/infer had not ended"):
        system.call("POST /v1/jobs", json=system.submission())
    transport.close()

    assert system.made == [JOB_ID]
    assert [request.path for request in server.requests] == ["/v1/infer"]
