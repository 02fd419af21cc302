"""`frontier circuits` against a real API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result
from werkzeug.serving import make_server

from api.process import ApiProcess
from tests.api.conftest import RECEIVER, TOKEN, Api, Sender
from tests.scripts.client_app import run_frontier

Frontier = Callable[..., Result]


@pytest.fixture
def process(make_process: Callable[..., ApiProcess], redis_url: str) -> ApiProcess:
    """One of the test's own: what it knows of a circuit is true for a second."""
    del redis_url
    return make_process()


@pytest.fixture
def frontier(process: ApiProcess, tmp_path: Path) -> Iterator[Frontier]:
    server = make_server("127.0.0.1", 0, process, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def run(*words: str) -> Result:
        return run_frontier(f"http://127.0.0.1:{server.port}", tmp_path, "circuits", *words, token=TOKEN)

    yield run
    server.shutdown()
    thread.join()
    server.server_close()


def test_circuits_are_listed_held_and_released(frontier: Frontier) -> None:
    assert [json.loads(line)["state"] for line in frontier("list", "--json").stdout.splitlines()] == ["closed"] * 2
    assert frontier("open", "gpt-4o").stdout == "model:poet is open, held by operator\n"
    held = next(line for line in frontier("list").stdout.splitlines() if "poet" in line)
    assert held.split()[:2] == ["model:poet", "open"]
    assert held.split()[-1] == "operator"
    assert frontier("close", "model:poet").stdout == "model:poet is closed, held by operator\n"
    assert frontier("release", "poet").stdout == "model:poet is closed\n"


@pytest.mark.parametrize(
    ("words", "state", "holder"),
    [("open", "open", "operator"), ("close", "closed", "operator"), ("release", "closed", None)],
)
def test_what_was_done_to_a_circuit_is_printed_as_json(
    frontier: Frontier, words: str, state: str, holder: str | None
) -> None:
    told = json.loads(frontier(words, "poet", "--json").stdout)

    assert (told["key"], told["state"], (told["forced"] or {}).get("by")) == ("model:poet", state, holder)


def test_what_has_no_circuit_is_named(frontier: Frontier) -> None:
    refused = frontier("open", "nobody")
    assert refused.exit_code == 1
    assert "nobody" in refused.stderr


def test_receivers_of_a_tenant_are_listed_held_and_released(frontier: Frontier, api: Api, sender: Sender) -> None:
    acme = api.of("acme")
    endpoint = f"endpoint:{acme.endpoint('job.cancelled')['id']}"
    acme.post(f"/v1/jobs/{acme.submit(webhook={'url': RECEIVER, 'events': ['job.cancelled']})}/cancel")
    sender.send()
    origin = f"origin:{RECEIVER.removesuffix('/hook')}"

    assert {endpoint, origin}.isdisjoint(frontier("list").stdout.split())
    assert {endpoint, origin} < {*frontier("list", "--tenant", "acme").stdout.split()}
    for key in (endpoint, origin):
        assert frontier("open", key, "--tenant", "acme").stdout == f"{key} is open, held by operator\n"
        assert frontier("close", key, "--tenant", "acme").stdout == f"{key} is closed, held by operator\n"
        assert frontier("release", key, "--tenant", "acme").stdout == f"{key} is closed\n"
        foreign = frontier("open", key)
        assert (foreign.exit_code, key in foreign.stderr) == (1, True)
