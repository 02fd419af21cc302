"""infer, submit, jobs and health, against a real server."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scripts.cli import app
from scripts.screen import drawable
from scripts.timings import seconds_text
from tests.scripts.client_app import Aside, run_frontier
from tests.scripts.job_api import TOKEN, Answer
from tests.scripts.job_server import JobServer


class Frontier:
    """The command with a data folder of its own."""

    def __init__(self, server: JobServer, home: Path) -> None:
        self.server = server
        self.home = home

    def __call__(self, *words: str, given: str | None = None, token: str | None = TOKEN) -> Result:
        return run_frontier(self.server.url, self.home, *words, given=given, token=token)


@pytest.fixture
def server() -> Iterator[JobServer]:
    with JobServer(looks_to_finish=1) as server:
        yield server


@pytest.fixture
def frontier(server: JobServer, tmp_path: Path) -> Frontier:
    return Frontier(server, tmp_path)


def test_infer_prints_the_text_alone_on_stdout_and_the_times_on_stderr(frontier: Frontier) -> None:
    outcome = frontier("infer", "hello")

    assert outcome.exit_code == 0
    assert outcome.stdout == "echo hello\n"
    assert outcome.stderr.strip() == (
        "queue wait 12 ms · TTFT 45 ms · TPOT 8 ms · 3 + 5 tokens · 50 tokens/s · time to result 610 ms"
    )


def test_infer_reads_the_prompt_from_stdin_when_given_a_dash(frontier: Frontier) -> None:
    assert frontier("infer", "-", given="two\nlines\n").stdout == "echo two\nlines\n"


def test_infer_sends_every_option_it_is_given_and_nothing_else(frontier: Frontier, server: JobServer) -> None:
    options = (
        "--max-tokens 9 --temperature 0.5 --top-p 0.9 --top-k 40 --seed 3 --stop a --stop b --model shakespeare "
        "--priority batch --cache refresh"
    )
    frontier("infer", "hello", *options.split())
    frontier("infer", "hello", "--chat")

    full, bare = (request.body for request in server.requests if request.method == "POST")
    assert full == {
        "type": "completion",
        "input": {"prompt": "hello"},
        "model": "shakespeare",
        "params": {"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 3, "stop": ["a", "b"]},
        "priority": "batch",
        "cache": "refresh",
    }
    assert bare == {
        "type": "chat.completion",
        "input": {"messages": [{"role": "user", "content": "hello"}]},
        "priority": "interactive",
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("infer", "x", "--cache", "never"), "'--cache': 'never' is not one of use, bypass, refresh"),
        (("submit", "x", "--priority", "high"), "'--priority': 'high' is not one of interactive, standard, batch"),
        (("jobs", "retry", "--status", "queued"), "'--status': 'queued' is not one of failed, cancelled, expired"),
    ],
)
def test_a_word_that_an_option_does_not_take_is_refused_with_those_that_it_takes(
    frontier: Frontier, server: JobServer, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    refused = frontier(*words)

    assert refused.exit_code == 2
    assert f"Invalid value for {told} " in refused.stderr
    assert server.requests == []


def test_infer_gives_the_whole_job_as_json(frontier: Frontier) -> None:
    job = json.loads(frontier("infer", "hello", "--json").stdout)

    assert job["status"] == "succeeded"
    assert job["result"] == {"text": "echo hello", "finish_reason": "stop"}


def test_infer_tells_why_a_job_failed(frontier: Frontier, server: JobServer) -> None:
    server.api.looks_to_finish = 1_000_000

    def fail() -> None:
        server.api.wait_until(lambda: bool(server.api.jobs))
        server.api.finish("job_000001", "failed", error={"type": "t", "title": "worker lost", "detail": "twice"})

    story = Aside(fail)
    outcome = frontier("infer", "hello")
    story.join()

    assert outcome.exit_code == 1
    assert outcome.stderr == "Error: job job_000001 failed: worker lost: twice\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_of_infer_cancels_the_job_and_says_so(
    frontier: Frontier, server: JobServer, number: signal.Signals
) -> None:
    server.api.looks_to_finish = 1_000_000

    def interrupt() -> None:
        server.api.wait_until(lambda: server.calls["GET"] == 1)
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    story = Aside(interrupt)
    outcome = frontier("infer", "hello")
    story.join()

    assert outcome.exit_code == 130
    assert "job_000001 was cancelled" in outcome.stderr
    assert server.api.jobs["job_000001"]["status"] == "cancelled"


def test_infer_that_runs_out_of_time_cancels_the_job(frontier: Frontier, server: JobServer) -> None:
    server.api.looks_to_finish = 1_000_000

    outcome = frontier("infer", "hello", "--timeout", "0.2")

    assert outcome.exit_code == 1
    assert "no result within 200 ms; job job_000001 was cancelled" in outcome.stderr


def test_submit_sends_its_webhook_along(frontier: Frontier, server: JobServer) -> None:
    frontier("submit", "hello", "--webhook", "https://example.com/hook")
    frontier("submit", "hello", "--webhook", "https://example.com/hook", "--include-result")

    thin, full = (request.body["webhook"] for request in server.requests)
    assert thin == {"url": "https://example.com/hook"}
    assert full == {"url": "https://example.com/hook", "include": ["result"]}


def test_submit_cannot_include_a_result_without_a_webhook(frontier: Frontier, server: JobServer) -> None:
    outcome = frontier("submit", "hello", "--include-result")

    assert outcome.exit_code == 2
    assert "needs --webhook" in outcome.stderr
    assert not server.requests


def test_submit_prints_the_id_and_a_repeated_key_gives_the_same_job(frontier: Frontier, server: JobServer) -> None:
    first = frontier("submit", "hello", "--idempotency-key", "k", "--metadata", "order=42", "--timeout", "60")
    again = frontier("submit", "hello", "--idempotency-key", "k", "--metadata", "order=42", "--timeout", "60")

    assert first.stdout == again.stdout == "job_000001\n"
    assert server.requests[0].body["metadata"] == {"order": "42"}
    assert server.requests[0].body["timeout_s"] == 60


def test_metadata_that_is_no_pair_is_a_usage_error(frontier: Frontier) -> None:
    outcome = frontier("submit", "hello", "--metadata", "order")

    assert outcome.exit_code == 2
    assert "KEY=VALUE" in outcome.stderr


@pytest.mark.parametrize("option", ["--idempotency-key", "--model", "--stop"])
def test_an_empty_setting_of_a_submission_is_a_usage_error_that_names_it(
    frontier: Frontier, server: JobServer, option: str
) -> None:
    outcome = frontier("submit", "hello", option, "")

    assert outcome.exit_code == 2
    assert option in outcome.stderr
    assert server.requests == []


def test_jobs_list_filters_and_shows_one_row_for_each_job(frontier: Frontier) -> None:
    frontier("submit", "one", "--metadata", "order=1")
    frontier("submit", "two", "--metadata", "order=2")

    table = frontier("jobs", "list").stdout
    some = frontier("jobs", "list", "--metadata", "order=2", "--json").stdout

    assert [line.split()[0] for line in table.splitlines()] == ["id", "job_000002", "job_000001"]
    assert [json.loads(line)["id"] for line in some.splitlines()] == ["job_000002"]
    assert frontier("jobs", "list", "--status", "failed").stdout == "no jobs\n"


def test_jobs_show_tells_the_facts_and_the_text(frontier: Frontier, server: JobServer) -> None:
    frontier("submit", "hello")
    server.api.finish("job_000001")

    shown = frontier("jobs", "show", "job_000001").stdout

    assert "succeeded" in shown
    assert "1 of 3" in shown
    assert shown.endswith("\necho hello\n")


def test_jobs_cancel_goes_on_after_an_id_it_does_not_know(frontier: Frontier, server: JobServer) -> None:
    server.api.looks_to_finish = 1_000_000
    frontier("submit", "one")
    frontier("submit", "two")
    server.api.finish("job_000002")

    outcome = frontier("jobs", "cancel", "job_000001", "job_nobody", "job_000002")

    assert outcome.exit_code == 1
    assert outcome.stdout == "job_000001 cancelled\njob_000002 succeeded\n"
    assert outcome.stderr.startswith("Error: job_nobody: job not found")


def test_health_is_a_table_and_its_exit_code_says_whether_the_api_is_ready(
    frontier: Frontier, server: JobServer
) -> None:
    ready = frontier("health")
    server.api.health = Answer(503, {"status": "unavailable", "redis": "unreachable", "models": {}})
    unready = frontier("health")

    assert ready.exit_code == 0
    assert "model shakespeare  workers 1, slots 32" in ready.stdout
    assert unready.exit_code == 1
    assert "unreachable" in unready.stdout


@pytest.mark.parametrize("words", [["infer", "x"], ["submit", "x"], ["jobs", "list"], ["health"]], ids=" ".join)
def test_an_api_that_is_away_is_one_line_that_says_what_to_do(
    frontier: Frontier, server: JobServer, words: list[str]
) -> None:
    server.stop()
    outcome = frontier(*words)
    server.start()

    assert outcome.exit_code == 1
    assert outcome.stderr.count("\n") == 1
    assert "start it with `frontier up`" in outcome.stderr


def test_a_refused_token_is_told_with_the_place_it_came_from(frontier: Frontier) -> None:
    wrong = frontier("submit", "x", token="wrong")
    missing = frontier("submit", "x", token="")
    (frontier.home / "token").write_text("wrong\n")
    stale = frontier("submit", "x", token="")

    assert "it came from TRUTHGPT_API_TOKEN" in wrong.stderr
    assert f"none in TRUTHGPT_API_TOKEN, and none in {frontier.home / 'token'}" in missing.stderr
    assert f"it came from {frontier.home / 'token'}" in stale.stderr
    assert {wrong.exit_code, missing.exit_code, stale.exit_code} == {1}


def test_the_token_of_frontier_up_is_used_when_none_is_set(frontier: Frontier) -> None:
    (frontier.home / "token").write_text(f"{TOKEN}\n")

    assert frontier("submit", "x", token="").stdout == "job_000001\n"


def test_a_refused_member_is_named(frontier: Frontier) -> None:
    outcome = frontier("infer", "please refuse this")

    assert outcome.exit_code == 1
    assert "input.prompt: is longer than the context" in outcome.stderr


def test_a_model_cannot_steer_the_terminal() -> None:
    assert drawable("a\x1b[2Jb\x9bc\nd\te") == "a\ufffd[2Jb\ufffdc\nd\te"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0123, "12.3 ms"), (2.5, "2.5 s"), (59.97, "1 min 00 s"), (125, "2 min 05 s"), (3720, "1 h 02 min")],
)
def test_durations_read_as_a_person_would_say_them(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize("url", ["http://[half", "ftp://here", "http://here:port", "http://"])
def test_a_url_that_is_none_is_a_usage_error(frontier: Frontier, url: str) -> None:
    outcome = frontier("jobs", "list", "--url", url)

    assert outcome.exit_code == 2
    assert "is no address such as" in " ".join(outcome.output.split())


def test_a_prompt_that_is_not_utf8_is_a_usage_error() -> None:
    outcome = CliRunner().invoke(app, ["infer", "-"], input=b"\xff\xfe")

    assert outcome.exit_code == 2
    assert "is not UTF-8" in outcome.output
