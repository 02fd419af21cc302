"""What operators do with the command: dead letters, another try, cancels of many, modes of models."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from tests.scripts.client_app import Aside, run_frontier
from tests.scripts.job_api import Answer, Request
from tests.scripts.job_server import JobServer

ERROR = {"type": "/problems/worker-lost", "title": "The job was lost.", "detail": "two workers died of it"}
Frontier = Callable[..., Result]


@pytest.fixture
def server() -> Iterator[JobServer]:
    with JobServer() as server:
        yield server


@pytest.fixture
def frontier(server: JobServer, tmp_path: Path) -> Frontier:
    return lambda *words: run_frontier(server.url, tmp_path, *words)


def submit(frontier: Frontier, server: JobServer, *ends: str, metadata: str = "run=1") -> None:
    """A job for each of *ends*, which is its state in the end."""
    for end in ends:
        job_id = frontier("submit", "hello", "--metadata", metadata).stdout.strip()
        if end == "running":
            server.api.start(job_id)
        elif end != "queued":
            server.api.finish(job_id, end, **({"error": ERROR} if end == "failed" else {}))


def test_dead_letters_are_listed_with_what_they_died_of(frontier: Frontier, server: JobServer) -> None:
    submit(frontier, server, "failed", "succeeded", "failed", "failed")

    header, *rows = [line.split() for line in frontier("jobs", "dead-letters").stdout.splitlines()]
    as_json = frontier("jobs", "dead-letters", "--json", "--limit", "1").stdout

    assert header == ["id", "model", "when", "attempts", "error"]
    assert [row[0] for row in rows] == ["job_000004", "job_000003", "job_000001"]
    assert rows[0][1:6] == ["shakespeare", "2026-11-22T21:00:01Z", "1", "of", "3"]
    assert " ".join(rows[0][6:]) == "The job was lost: two workers died of it"
    assert [json.loads(line)["id"] for line in as_json.splitlines()] == ["job_000004"]
    assert frontier("jobs", "dead-letters", "--model", "other").stdout == "no dead letters\n"


def test_lost_leases_have_a_column_where_they_are_known(frontier: Frontier, server: JobServer) -> None:
    submit(frontier, server, "failed")
    server.api.jobs["job_000001"]["lost_leases"] = 3

    assert "lost leases" in frontier("jobs", "dead-letters").stdout


def test_requeue_tells_the_new_id_of_each_and_names_those_refused(frontier: Frontier, server: JobServer) -> None:
    submit(frontier, server, "failed", "succeeded", "expired", "queued")

    outcome = frontier("jobs", "requeue", "job_000001", "job_000002", "job_nobody", "job_000003", "job_000004")

    assert outcome.exit_code == 1
    assert outcome.stdout == "job_000001 -> job_000005\njob_000003 -> job_000006\n"
    assert "job_000002: job succeeded" in outcome.stderr
    assert "job_nobody: job not found" in outcome.stderr
    assert "job_000004: job not final" in outcome.stderr


def test_requeue_of_all_takes_every_dead_letter_and_passes_by_those_refused(
    frontier: Frontier, server: JobServer
) -> None:
    submit(frontier, server, *["failed"] * 5, "cancelled")
    server.api.modes["org/echo"] = "draining"
    server.api.jobs["job_000003"]["model"] = "org/echo"

    outcome = frontier("jobs", "requeue", "--all")
    server.api.modes["org/echo"] = "running"
    rest = frontier("jobs", "requeue", "--all", "--model", "org/echo")
    none = frontier("jobs", "requeue", "--all")

    assert outcome.exit_code == 1
    assert [line.split()[0] for line in outcome.stdout.splitlines()] == [f"job_00000{n}" for n in (5, 4, 2, 1)]
    assert "job_000003: model draining" in outcome.stderr
    assert (rest.exit_code, rest.stdout) == (0, "job_000003 -> job_000011\n")
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "no dead letters\n")


def test_a_requeue_done_twice_makes_one_job(frontier: Frontier, server: JobServer) -> None:
    submit(frontier, server, "failed")

    assert frontier("jobs", "requeue", "job_000001").stdout == frontier("jobs", "requeue", "job_000001").stdout
    assert len(server.api.jobs) == 2


def test_retry_takes_what_matches_has_no_result_and_was_not_submitted_again(
    frontier: Frontier, server: JobServer
) -> None:
    submit(frontier, server, "failed", "expired", "succeeded", "failed", "cancelled")
    submit(frontier, server, "failed", metadata="run=2")
    frontier("jobs", "requeue", "job_000001")

    failed = frontier("jobs", "retry", "--metadata", "run=1")
    others = frontier("jobs", "retry", "--metadata", "run=1", "--status", "expired", "--status", "cancelled")
    nothing = frontier("jobs", "retry", "--metadata", "run=1")

    assert failed.stdout == "job_000004 -> job_000008\n"
    assert failed.stderr == "1 submitted again\n"
    assert others.stdout == "job_000002 -> job_000009\njob_000005 -> job_000010\n"
    assert (nothing.exit_code, nothing.stdout) == (0, "no jobs\n")


def test_retry_takes_ids_too(frontier: Frontier, server: JobServer) -> None:
    submit(frontier, server, "failed", "failed")

    outcome = frontier("jobs", "retry", "job_000002", "job_nobody")

    assert outcome.exit_code == 1
    assert outcome.stdout == "job_000002 -> job_000003\n"
    assert "job_nobody: job not found" in outcome.stderr


def test_a_dry_run_lists_what_would_be_retried_and_does_nothing(frontier: Frontier, server: JobServer) -> None:
    submit(frontier, server, "failed", "expired", "succeeded")

    listed = frontier("jobs", "retry", "--status", "expired", "--status", "failed", "--dry-run").stdout
    by_id = frontier("jobs", "retry", "job_000003", "job_000001", "--dry-run").stdout

    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [
        ["job_000002", "expired"],
        ["job_000001", "failed"],
    ]
    assert [line.split()[0] for line in by_id.splitlines()[1:]] == ["job_000001"]
    assert len(server.api.jobs) == 3


def test_cancel_of_many_follows_to_the_end_and_counts(frontier: Frontier, server: JobServer) -> None:
    submit(frontier, server, "queued", "running", "succeeded", "queued", "queued")
    submit(frontier, server, "queued", metadata="run=2")

    running = frontier("jobs", "cancel", "--metadata", "run=1", "--status", "running")
    outcome = frontier("jobs", "cancel", "--metadata", "run=1", "--model", "shakespeare")

    assert running.stdout == "0 cancelled, 1 running asked to stop\n"
    assert outcome.stdout == "3 cancelled, 1 running asked to stop\n"
    assert server.api.open_jobs() == ["job_000002", "job_000006"]


@pytest.mark.parametrize(
    "words",
    [
        ["show", ""],
        ["show", ".."],
        ["requeue"],
        ["requeue", "job_1", "--all"],
        ["requeue", "job_1", ""],
        ["requeue", "job_1", "--model", "m"],
        ["retry"],
        ["retry", "job_1", "--model", "m"],
        ["retry", "--status", "succeeded"],
        ["cancel"],
        ["cancel", ""],
        ["cancel", "job_1", "--metadata", "a=1"],
        ["cancel", "--metadata", "a=1", "--metadata", "a=2"],
        ["cancel", "--model", "m"],
        ["cancel", "--metadata", "a=1", "--status", "foo"],
        ["cancel", "--metadata", "a=1", "--status", "succeeded"],
        ["list", "--status", "foo"],
    ],
    ids=" ".join,
)
def test_what_is_not_clear_is_a_usage_error(frontier: Frontier, server: JobServer, words: list[str]) -> None:
    assert frontier("jobs", *words).exit_code == 2
    assert server.requests == []


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--model="],
        ["list", "--status="],
        ["list", "--data-dir="],
        ["dead-letters", "--model="],
        ["requeue", "--all", "--model="],
        ["retry", "--model="],
        ["retry", "--status="],
        ["cancel", "--metadata", "a=1", "--model="],
        ["cancel", "--metadata", "a=1", "--status="],
    ],
    ids=" ".join,
)
def test_an_empty_filter_is_a_usage_error_that_names_it(
    frontier: Frontier, server: JobServer, words: list[str]
) -> None:
    outcome = frontier("jobs", *words)

    assert outcome.exit_code == 2
    assert words[-1].rstrip("=") in outcome.stderr
    assert server.requests == []


@pytest.mark.parametrize("name", ["", "..", "../jobs"])
def test_what_is_no_name_of_a_model_is_a_usage_error(frontier: Frontier, server: JobServer, name: str) -> None:
    assert frontier("models", "drain", name).exit_code == 2
    assert server.requests == []


@pytest.mark.parametrize(
    "words",
    [["list"], ["dead-letters"], ["requeue", "--all"], ["retry"], ["cancel", "--metadata", "a=1"]],
    ids=" ".join,
)
def test_where_a_model_has_no_jobs_it_is_told_that_none_is_called_so(frontier: Frontier, words: list[str]) -> None:
    unknown, known = (frontier("jobs", *words, "--model", name) for name in ("nope", "shakespeare"))

    assert (unknown.exit_code, known.exit_code) == (0, 0)
    assert "no model is called 'nope'\n" in unknown.stderr
    assert "no model" not in known.stderr


def test_the_jobs_of_a_model_that_was_taken_away_are_found_without_a_remark(
    frontier: Frontier, server: JobServer
) -> None:
    submit(frontier, server, "failed")
    server.api.jobs["job_000001"]["model"] = "retired"

    outcome = frontier("jobs", "dead-letters", "--model", "retired")

    assert "job_000001" in outcome.stdout
    assert outcome.stderr == ""


def test_models_are_listed_with_their_mode_and_queue(frontier: Frontier, server: JobServer) -> None:
    server.api.loads["shakespeare"] = [{"depth": 2, "dispatched": 3, "running": 4}]
    server.api.modes["org/echo"] = "paused"

    table = [line.split() for line in frontier("models", "list").stdout.splitlines()]

    assert table == [
        ["model", "mode", "slots", "waiting", "running"],
        ["shakespeare", "running", "32", "5", "4"],
        ["org/echo", "paused", "since", "2026-11-22T21:00:00Z", "32", "0", "0"],
    ]
    assert json.loads(frontier("models", "list", "--json").stdout.splitlines()[1])["mode"] == "paused"


def test_a_model_is_paused_and_resumed_by_its_name(frontier: Frontier, server: JobServer) -> None:
    paused = frontier("models", "pause", "org/echo")
    mode = server.api.modes["org/echo"]
    resumed = frontier("models", "resume", "org/echo")

    assert paused.stdout == "org/echo is paused: waiting 0, running 0, slots 32\n"
    assert mode == "paused"
    assert resumed.stdout.startswith("org/echo is running")
    assert "model not found" in frontier("models", "pause", "hal").stderr


def test_pause_waits_for_what_runs_and_drain_also_for_what_waits(frontier: Frontier, server: JobServer) -> None:
    loads = [{"depth": 1, "running": 1}, {"depth": 1, "running": 0}, {"depth": 0, "dispatched": 0, "running": 0}]
    server.api.loads["shakespeare"] = list(loads)
    paused = frontier("models", "pause", "shakespeare", "--wait")
    server.api.loads["shakespeare"] = list(loads)
    drained = frontier("models", "drain", "shakespeare", "--wait")

    assert paused.stdout == "shakespeare is paused: waiting 1, running 0, slots 32\n"
    assert drained.stdout == "shakespeare is draining: waiting 0, running 0, slots 32\n"
    assert drained.stderr.splitlines()[0] == "shakespeare is draining: waiting 1, running 1, slots 32"


def test_drain_waits_for_retries_of_whichever_tenant_that_stand_in_no_queue_yet(
    frontier: Frontier, server: JobServer
) -> None:
    server.api.loads["shakespeare"] = [{"delayed": 1}, {"delayed": 1}, {}, {"depth": 1}, {}]
    outcome = frontier("models", "drain", "shakespeare", "--wait")

    assert outcome.exit_code == 0
    assert "retries wait for their time" in outcome.stderr
    assert server.api.loads["shakespeare"] == [{}], "it has looked until two looks in a row saw nothing"


def test_a_wait_ends_when_somebody_else_changes_the_mode(frontier: Frontier, server: JobServer) -> None:
    server.api.loads["shakespeare"] = [{"running": 1}]

    def resume() -> None:
        server.api.wait_until(lambda: server.calls["GET"] >= 1)
        server.api.modes["shakespeare"] = "running"

    story = Aside(resume)
    outcome = frontier("models", "drain", "shakespeare", "--wait")
    story.join()

    assert outcome.exit_code == 1
    assert "somebody else has changed the mode: shakespeare is running" in outcome.stderr


def test_a_wait_does_not_end_well_in_another_mode_even_if_nothing_runs(frontier: Frontier, server: JobServer) -> None:
    server.api.loads["shakespeare"] = [{"running": 1}, {"running": 0}]

    def answer(request: Request) -> Answer:
        if request.path == "/v1/queue":
            server.api.modes["shakespeare"] = "running"
        return server.api.answer(request)

    server.answer = answer
    outcome = frontier("models", "pause", "shakespeare", "--wait")

    assert outcome.exit_code == 1
    assert "somebody else has changed the mode: shakespeare is running" in outcome.stderr


def test_a_job_that_waits_for_its_time_is_shown_with_it(frontier: Frontier, server: JobServer) -> None:
    submit(frontier, server, "queued")
    server.api.jobs["job_000001"]["not_before"] = "2026-11-22T22:00:00.000Z"

    rows = [line.split() for line in frontier("jobs", "show", "job_000001").stdout.splitlines()]

    assert ["not", "before", "2026-11-22T22:00:00.000Z"] in rows


def test_an_interrupt_of_a_wait_says_what_stays(frontier: Frontier, server: JobServer) -> None:
    server.api.loads["shakespeare"] = [{"running": 1}]

    def interrupt() -> None:
        server.api.wait_until(lambda: server.calls["GET"] >= 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    story = Aside(interrupt)
    outcome = frontier("models", "drain", "shakespeare", "--wait")
    story.join()

    assert outcome.exit_code == 130
    assert "shakespeare stays draining; `frontier models resume shakespeare`" in outcome.stderr
