"""`frontier tenants` against a real API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result
from werkzeug.serving import make_server

from api.app import ApiProcess
from tests.api.conftest import TOKEN
from tests.scripts.client_app import run_frontier

Frontier = Callable[..., Result]


@pytest.fixture
def frontier(process: ApiProcess, tmp_path: Path) -> Iterator[Frontier]:
    server = make_server("127.0.0.1", 0, process, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def run(*words: str) -> Result:
        return run_frontier(f"http://127.0.0.1:{server.port}", tmp_path, "tenants", *words, token=TOKEN)

    yield run
    server.shutdown()
    thread.join()
    server.server_close()


def test_limits_are_changed_one_by_one_and_shown(frontier: Frontier) -> None:
    assert frontier("set", "acme", "--tokens-per-minute", "1000", "--weight", "0.5").exit_code == 0
    assert frontier("set", "acme", "--concurrent-jobs", "7").exit_code == 0
    assert frontier("set", "acme", "--weight", "none").exit_code == 0

    told = json.loads(frontier("show", "acme", "--json").stdout)
    assert {name: value for name, value in told["limits"].items() if value is not None} == {
        "tokens_per_minute": 1000,
        "concurrent_jobs": 7,
    }
    shown = frontier("show", "acme").stdout
    assert "tokens per minute" in shown
    assert "1,000" in shown


def test_the_list_names_each_tenant_with_its_limits(frontier: Frontier) -> None:
    assert "no tenants" in frontier("list").stdout
    frontier("set", "acme", "--tokens-per-day", "5")
    assert "tokens per day 5" in frontier("list").stdout
    [told] = map(json.loads, frontier("list", "--json").stdout.splitlines())
    assert told["id"] == "acme"


@pytest.mark.parametrize("words", [("acme",), ("acme", "--weight", "heavy"), ("acme", "--weight", "3"), ("..",)])
def test_what_cannot_be_set_is_refused(frontier: Frontier, words: tuple[str, ...]) -> None:
    assert frontier("set", *words).exit_code != 0
    assert "no tenants" in frontier("list").stdout
