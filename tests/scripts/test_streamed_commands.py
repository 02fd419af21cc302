"""`frontier infer --stream` and `frontier jobs watch`, against a real server that breaks its streams."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.client import FrontierClient
from scripts.token_page import TokenPage
from tests.scripts.client_app import run_frontier, start_frontier
from tests.scripts.job_api import TOKEN, Answer
from tests.scripts.job_server import JobServer
from tests.scripts.streamed_job import JOB_ID, StreamedJob

TEXTS = tuple(f" {number}" for number in range(12))
WHOLE = "".join(TEXTS)


@pytest.fixture
def server() -> Iterator[JobServer]:
    with JobServer() as server:
        yield server


@pytest.fixture
def serve(server: JobServer) -> Callable[[StreamedJob], StreamedJob]:
    def put(job: StreamedJob) -> StreamedJob:
        server.answer = job.answer
        return job

    return put


Serve = Callable[[StreamedJob], StreamedJob]


def test_infer_prints_the_tokens_and_the_times_with_ttft(server: JobServer, serve: Serve, tmp_path: Path) -> None:
    job = serve(StreamedJob(*TEXTS))

    outcome = run_frontier(server.url, tmp_path, "infer", "hello", "--stream", "--max-tokens", "12", "--model", "m")

    assert (outcome.exit_code, outcome.stdout) == (0, WHOLE + "\n")
    assert "TTFT 45 ms" in outcome.stderr
    [asked] = job.requests
    assert asked.body == {
        "prompt": "hello",
        "model": "m",
        "params": {"max_tokens": 12},
        "priority": "interactive",
        "stream": True,
    }
    assert asked.headers["idempotency-key"]


@pytest.mark.parametrize("says_again", [False, True])
@pytest.mark.parametrize("words", [("infer", "hello", "--stream"), ("jobs", "watch", JOB_ID)])
def test_each_token_comes_once_over_cuts_at_every_place(
    words: tuple[str, ...], *, says_again: bool, server: JobServer, serve: Serve, tmp_path: Path
) -> None:
    job = serve(StreamedJob(*TEXTS, cuts=(0, 1, 3, 0, 5, 2), says_again=says_again))

    outcome = run_frontier(server.url, tmp_path, *words)

    assert (outcome.exit_code, outcome.stdout) == (0, WHOLE + "\n")
    assert [request.query["after"] for request in job.requests[1:]] == ["-1", "0", "3", "3", "8", "10"]


def test_a_server_that_restarts_is_waited_for(server: JobServer, serve: Serve, tmp_path: Path) -> None:
    job = serve(StreamedJob(*TEXTS))

    def restart() -> None:
        server.stop()
        server.start()

    restarted = threading.Thread(target=restart)

    def restart_once(index: int) -> None:
        if index == 5 and restarted.ident is None:
            restarted.start()
            raise ConnectionError

    job.hold = restart_once
    outcome = run_frontier(server.url, tmp_path, "infer", "hello", "--stream")
    restarted.join()

    assert (outcome.exit_code, outcome.stdout) == (0, WHOLE + "\n")


def test_a_token_is_on_stdout_before_the_next_one_exists(server: JobServer, serve: Serve, tmp_path: Path) -> None:
    job = serve(StreamedJob("first", "second"))
    seen = threading.Event()
    job.hold = lambda index: index == 1 and seen.wait(60)

    process = start_frontier(server.url, tmp_path, "infer", "hello", "--stream")
    with process:
        assert process.stdout is not None
        assert process.stdout.read(5) == "first"
        seen.set()
        assert process.stdout.read() == "second\n"
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_the_job_of_infer(
    number: signal.Signals, server: JobServer, serve: Serve, tmp_path: Path
) -> None:
    job = serve(StreamedJob("first", "second"))
    over = threading.Event()
    job.hold = lambda index: index == 1 and over.wait(60)

    with start_frontier(server.url, tmp_path, "infer", "hello", "--stream") as process:
        assert process.stdout is not None
        process.stdout.read(5)
        process.send_signal(number)
        _, said = process.communicate()
    over.set()

    assert process.returncode == 130
    assert f"job {JOB_ID} was cancelled" in said
    assert job.is_cancelled


def test_a_signal_ends_a_watch_and_leaves_the_job_alone(server: JobServer, serve: Serve, tmp_path: Path) -> None:
    job = serve(StreamedJob("first", "second"))
    over = threading.Event()
    job.hold = lambda index: index == 1 and over.wait(60)

    with start_frontier(server.url, tmp_path, "jobs", "watch", JOB_ID) as process:
        assert process.stdout is not None
        process.stdout.read(5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    over.set()

    assert process.returncode == 130
    assert "goes on" in said
    assert not job.is_cancelled


def test_infer_gives_up_in_time_though_the_stream_says_nothing(server: JobServer, serve: Serve, tmp_path: Path) -> None:
    job = serve(StreamedJob("first"))
    over = threading.Event()
    job.hold = lambda _: over.wait(60)

    outcome = run_frontier(server.url, tmp_path, "infer", "hello", "--stream", "--timeout", "0.2")
    over.set()

    assert outcome.exit_code == 1
    assert f"no result within 200 ms; job {JOB_ID} was cancelled" in outcome.stderr
    assert job.is_cancelled


def test_a_reader_that_is_gone_cancels_the_job(server: JobServer, serve: Serve, tmp_path: Path) -> None:
    job = serve(StreamedJob(*TEXTS * 1000))
    closed = threading.Event()
    job.hold = lambda index: index == 1 and closed.wait(60)

    with start_frontier(server.url, tmp_path, "infer", "hello", "--stream") as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.stdout.close()
        closed.set()
        process.wait()

    assert process.returncode == 1
    assert job.is_cancelled


def test_a_chat_is_submitted_and_then_followed(server: JobServer, serve: Serve, tmp_path: Path) -> None:
    job = serve(StreamedJob(*TEXTS))

    outcome = run_frontier(server.url, tmp_path, "infer", "hello", "--stream", "--chat")

    assert outcome.stdout == WHOLE + "\n"
    assert [request.path for request in job.requests] == ["/v1/jobs", f"/v1/jobs/{JOB_ID}/events"]


def test_json_is_one_event_per_line(server: JobServer, serve: Serve, tmp_path: Path) -> None:
    serve(StreamedJob("a", "b", cuts=(1,)))

    outcome = run_frontier(server.url, tmp_path, "infer", "hello", "--stream", "--json")

    events = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [event["event"] for event in events] == ["snapshot", "status", "token", "token", "final"]
    assert [event["data"]["index"] for event in events if event["event"] == "token"] == [0, 1]
    assert events[-1]["data"]["status"] == "succeeded"


def test_watch_tells_where_the_job_stands_and_how_it_failed(server: JobServer, serve: Serve, tmp_path: Path) -> None:
    job = serve(StreamedJob("part", "ial", cuts=(1,)))
    job.status, job.position = "failed", 3
    job.hold = lambda index: setattr(job, "attempts", index + 1)

    outcome = run_frontier(server.url, tmp_path, "jobs", "watch", JOB_ID)

    assert (outcome.exit_code, outcome.stdout) == (1, "partial\n")
    said = outcome.stderr.splitlines()
    assert said[:2] == ["queued, position 3", "running"]
    assert said[-1] == f"Error: job {JOB_ID} failed: The job failed: the model broke"


def test_a_job_that_does_not_exist_cannot_be_watched(server: JobServer, serve: Serve, tmp_path: Path) -> None:
    serve(StreamedJob())

    outcome = run_frontier(server.url, tmp_path, "jobs", "watch", "job_unknown")

    assert outcome.exit_code == 1
    assert "Error: job not found" in outcome.stderr


@pytest.mark.parametrize("words", [("infer", "hello", "--stream"), ("jobs", "watch", JOB_ID)])
def test_an_answer_that_is_no_stream_is_told_as_that_of_a_stranger(
    words: tuple[str, ...], server: JobServer, tmp_path: Path
) -> None:
    server.answer = lambda _: Answer(200, {"hello": "world"})

    outcome = run_frontier(server.url, tmp_path, *words)

    assert outcome.exit_code == 1
    assert outcome.stderr == f"Error: what answers at {server.url} does not speak Frontier's job API\n"


def test_no_terminal_command_gets_to_a_screen_in_parts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: JobServer
) -> None:
    server.answer = StreamedJob("a\x1b", "[31", "m\x9b", "2J\r", "\tb\n").answer
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with FrontierClient(server.url, TOKEN) as client:
        TokenPage(as_json=False, tell=lambda _: None).show(client.follow(JOB_ID))

    assert (
        capsys.readouterr().out
        == "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}2J\N{REPLACEMENT CHARACTER}\tb\n\n"
    )
