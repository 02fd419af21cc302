"""How `frontier test-api` finds out what it talks to, against a server of the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.client_app import start_frontier
from tests.scripts.job_api import Answer, Request, problem
from tests.scripts.job_server import JobServer

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
        ((), "error: there is no model that generates text"),
        (("--model", "vectors"), "error: no model that generates text is called 'vectors'"),
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

    said = f"error: what answers at {server.url} does not speak Frontier's job API"
    assert refusal(server, tmp_path) == said
