"""`frontier tenants`, and `frontier jobs explain`, against a real API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result
from werkzeug.serving import make_server

from api.process import ApiProcess
from tests.api.conftest import TOKEN, Api
from tests.scripts.client_app import run_frontier

Frontier = Callable[..., Result]


@pytest.fixture
def frontier(process: ApiProcess, tmp_path: Path) -> Iterator[Frontier]:
    server = make_server("127.0.0.1", 0, process, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def run(*words: str) -> Result:
        group = () if words[0] == "jobs" else ("tenants",)
        return run_frontier(f"http://127.0.0.1:{server.port}", tmp_path, *group, *words, token=TOKEN)

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


@pytest.mark.parametrize("words", [("list",), ("show", "acme")])
def test_no_line_in_a_pipe_ends_in_blanks(frontier: Frontier, words: tuple[str, ...]) -> None:
    frontier("set", "acme", "--tokens-per-day", "5")
    lines = frontier(*words).stdout.splitlines()

    assert len(lines) > 1
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize("words", [("acme",), ("acme", "--weight", "heavy"), ("acme", "--weight", "3"), ("..",)])
def test_what_cannot_be_set_is_refused(frontier: Frontier, words: tuple[str, ...]) -> None:
    assert frontier("set", *words).exit_code != 0
    assert "no tenants" in frontier("list").stdout


@pytest.mark.parametrize("words", [("show", "Big Co"), ("set", "Big Co", "--weight", "1"), ("show", "")])
def test_what_is_no_tenant_s_name_is_named(frontier: Frontier, words: tuple[str, ...]) -> None:
    refused = frontier(*words)

    assert refused.exit_code == 2
    assert "TENANT" in refused.stderr
    assert "no tenant's name" in refused.stderr


def test_why_a_job_waits_is_printed(frontier: Frontier, api: Api) -> None:
    first, second = api.submit(), api.submit()

    assert frontier("jobs", "explain", first).stdout.splitlines() == [
        f"{first} is queued",
        "- No worker of the model is alive. (no-worker)",
        "0 jobs before it, 0 tokens; unknown when it starts",
        "weighs 4 as standard, times 1 of its tenant",
    ]
    assert "1 job of yours and 0 of others" in frontier("jobs", "explain", second).stdout
    assert json.loads(frontier("jobs", "explain", first, "--json").stdout)["job_id"] == first
    assert frontier("jobs", "explain", "job_none").exit_code != 0
