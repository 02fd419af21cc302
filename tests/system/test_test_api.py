"""`frontier test-api` against a whole deployment, and against one that answers wrongly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from scripts.client import FrontierClient
from scripts.test_api.runner import operations_of
from scripts.test_api.system import MARK
from tests.scripts.job_api import Answer, Request
from tests.scripts.job_server import JobServer
from tests.system.fleet import ALIAS, TOKEN, Fleet
from tests.system.worker_process import wait_for

NO_ENCODER = "POST /v1/embeddings"
NEEDS_DISRUPTION = {
    "POST /v1/circuits/{key}/force",
    "POST /v1/models/{name}/pause",
    "POST /v1/models/{name}/drain",
    "POST /v1/models/{name}/resume",
    "POST /v1/webhook_secret/rotate",
}


def check(url: str, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit status of `frontier test-api --json`, and what it says."""
    with start(url, *words) as process:
        stdout, stderr = process.communicate()
    assert stdout, stderr
    return process.returncode, json.loads(stdout)


def start(url: str, *words: str) -> subprocess.Popen[str]:
    env = os.environ | {"FRONTIER_URL": url, "TRUTHGPT_API_TOKEN": TOKEN}
    command = [sys.executable, "-m", "scripts.cli", "test-api", "--json", *words]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def jobs_of_checks(client: FrontierClient) -> list[str]:
    return [job.id for job in client.jobs(limit=None, metadata={}) if MARK in job.member("metadata")]


def operations(outcome: dict[str, Any], name: str) -> set[str]:
    return {check["operation"] for check in outcome["checks"] if check["outcome"] == name}


def test_a_whole_system_passes_and_nothing_of_the_checks_is_left(fleet: Fleet) -> None:
    code, outcome = check(fleet.url)

    assert operations(outcome, "failed") == set(), outcome
    assert code == 0
    assert operations(outcome, "skipped") == {NO_ENCODER, *NEEDS_DISRUPTION}
    document = requests.get(f"{fleet.url}/openapi.json", timeout=60).json()
    assert len(operations(outcome, "passed") | operations(outcome, "skipped")) == len(operations_of(document))
    with FrontierClient(fleet.url, TOKEN) as client:
        assert jobs_of_checks(client) == []
        assert client.endpoints.listed() == []


def test_a_kill_leaves_nothing_of_the_checks_either(fleet: Fleet) -> None:
    with FrontierClient(fleet.url, TOKEN) as client, start(fleet.url) as process:
        wait_for(lambda: bool(jobs_of_checks(client)))
        process.send_signal(signal.SIGTERM)
        process.communicate()

        assert process.returncode == 130
        assert jobs_of_checks(client) == []


@pytest.mark.long
def test_an_alias_stands_for_its_model(fleet: Fleet) -> None:
    code, outcome = check(fleet.url, "--model", ALIAS)

    assert operations(outcome, "failed") == set(), outcome
    assert code == 0


@pytest.mark.long
def test_streams_that_the_server_ends_early_are_gone_on_with(fleet: Fleet) -> None:
    with fleet.another_api(API_STREAM_SECONDS="1") as (url, _):
        code, outcome = check(url)

    assert operations(outcome, "failed") == set(), outcome
    assert code == 0


@pytest.mark.long
def test_with_leave_to_disturb_nothing_but_embeddings_is_skipped(fleet: Fleet) -> None:
    code, outcome = check(fleet.url, "--disruptive")

    assert operations(outcome, "skipped") == {NO_ENCODER}
    assert code == 0


class Broken:
    """Hands requests on to a deployment, and spoils what some answers say."""

    def __init__(self, url: str) -> None:
        self._url = url

    def answer(self, request: Request) -> Answer:
        response = requests.request(
            request.method,
            self._url + request.path,
            params=request.query,
            json=request.body or None,
            headers={name: value for name, value in request.headers.items() if name not in {"host", "content-length"}},
            stream=True,
            timeout=60,
        )
        headers = {
            name: response.headers[name] for name in ("Location", "ETag", "Retry-After") if name in response.headers
        }
        if response.headers.get("Content-Type", "").startswith("text/event-stream"):
            return Answer(response.status_code, {}, headers, without_second_token(response.iter_content(None)))
        body = response.json() if response.content else {}
        if request.path == "/openapi.json":
            body["paths"]["/v1/novelty"] = {"get": {}}
        if request.path == "/v1/queue":
            return Answer(500, {"title": "spoilt"})
        return Answer(response.status_code, body, headers)


def without_second_token(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for event in b"".join(pieces).split(b"\n\n"):
        if b"event: token\nid: 1\n" not in event and event:
            yield event + b"\n\n"


def test_what_a_broken_server_does_is_named_and_fails_the_command(fleet: Fleet) -> None:
    with JobServer() as server:
        server.answer = Broken(fleet.url).answer
        code, outcome = check(server.url)

    assert code == 1
    assert operations(outcome, "failed") >= {
        "GET /v1/queue",
        "GET /v1/novelty",
        "GET /v1/jobs/{id}/events",
        "POST /v1/infer",
    }
    assert {"GET /v1/jobs/{id}/result", "GET /v1/models"} <= operations(outcome, "passed")
