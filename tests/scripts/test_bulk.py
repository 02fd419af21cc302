"""Bulk runs against a real server that breaks when told to."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.bulk_place import Workplace
from tests.scripts.client_app import Aside, eventually, run_frontier
from tests.scripts.job_api import problem
from tests.scripts.job_server import Fault, JobServer


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    with JobServer(looks_to_finish=1) as server:
        yield Workplace(tmp_path, server)


def test_every_line_ends_in_one_result_that_names_it(place: Workplace) -> None:
    place.write(100)

    outcome = place.run()

    assert outcome.exit_code == 0, outcome.output
    results = place.by_line()
    assert sorted(results) == list(range(1, 101))
    assert all(result["text"] == f"echo prompt {line}" for line, result in results.items())
    assert results[1].keys() == {"line", "id", "status", "text", "finish_reason", "usage"}


def test_lines_no_job_can_be_made_of_are_refused_and_the_others_run(place: Workplace) -> None:
    deep = b"[" * 200_000
    lines = [
        b'\xef\xbb\xbf{"prompt": "after a byte order mark"}',
        b"{not json",
        b"",
        b'{"question": "?"}',
        b'{"prompt": ""}',
        b'{"prompt": 5}',
        b'["prompt"]',
        b'{"prompt": "\xff"}',
        deep,
        b'{"prompt": "' + b"x" * 5_000_000 + b'"}',
        b'{"prompt": "please refuse this"}',
        b'{"prompt": "the last, without a line break"}',
    ]
    place.source.write_bytes(b"\n".join(lines))

    outcome = place.run()

    assert outcome.exit_code == 3
    results = place.by_line()
    said = {line: result["error"]["detail"] for line, result in results.items() if result["status"] == "refused"}
    assert said[2].startswith("the line is not JSON")
    assert said[3] == "the line is empty"
    assert said[4] == "the field 'prompt' is missing"
    assert said[5] == "the field 'prompt' is empty"
    assert said[6] == "the field 'prompt' is not a string"
    assert said[7] == "the line is not a JSON object"
    assert said[8] == "the line is not UTF-8"
    assert said[9] == "the JSON is nested too deeply"
    assert "longer than" in said[10]
    assert results[11]["error"]["errors"] == [{"field": "input.prompt", "message": "is longer than the context"}]
    assert [results[1]["text"], results[12]["text"]] == [
        "echo after a byte order mark",
        "echo the last, without a line break",
    ]


def test_no_more_jobs_are_open_than_in_flight_allows(place: Workplace) -> None:
    place.server.api.looks_to_finish = 2
    place.server.api.honours_wait = False
    place.write(12)

    assert place.run("--in-flight", "4").exit_code == 0
    assert place.server.api.most_open == 4


def test_many_jobs_in_flight_need_few_connections_and_about_two_requests_each(place: Workplace) -> None:
    place.write(300)

    place.run("--in-flight", "200")

    assert place.server.most_connections <= 16
    assert place.server.calls == {"POST": 300, "GET": 301}


def test_results_are_in_the_file_as_soon_as_they_come(place: Workplace) -> None:
    place.server.api.looks_to_finish = 1_000_000
    place.write(3)
    api = place.server.api

    def one_after_the_other() -> None:
        for done in (1, 2, 3):
            api.wait_until(lambda done=done: len(api.jobs) >= done)  # type: ignore[misc]
            api.finish(api.open_jobs()[0])
            eventually(lambda done=done: len(place.results()) == done)  # type: ignore[misc]

    story = Aside(one_after_the_other)
    place.run("--in-flight", "1")
    story.join()


def test_connections_that_break_double_no_job(place: Workplace) -> None:
    place.server.faults += [Fault("POST", after_work=True), Fault("POST"), Fault("GET")] * 5
    place.write(50)

    outcome = place.run()

    assert outcome.exit_code == 0, outcome.output
    assert len(place.by_line()) == 50
    assert len(place.server.api.jobs) == 50


def test_a_run_outlives_redis_being_away(place: Workplace) -> None:
    place.server.faults += [Fault("POST", 503, retry_after="0")] * 30 + [Fault("GET", 503, retry_after="0")] * 30
    place.write(40)

    assert place.run().exit_code == 0
    assert len(place.by_line()) == 40


def test_a_run_outlives_a_restart_of_the_api(place: Workplace) -> None:
    place.write(60)

    def restart() -> None:
        place.server.api.wait_until(lambda: len(place.server.api.jobs) >= 20)
        place.server.stop()
        place.server.start()

    story = Aside(restart)
    outcome = place.run("--in-flight", "8")
    story.join()

    assert outcome.exit_code == 0, outcome.output
    assert len(place.by_line()) == 60
    assert len(place.server.api.jobs) == 60


def test_an_api_that_stays_away_longer_than_the_patience_still_leaves_a_result_for_every_line(
    place: Workplace,
) -> None:
    place.server.api.looks_to_finish = 1_000_000
    place.write(200)

    def go_away() -> None:
        place.server.api.wait_until(lambda: len(place.server.api.jobs) == 8)
        place.server.stop()

    story = Aside(go_away)
    outcome = place.run("--in-flight", "8", "--patience", "1")
    story.join()
    place.server.start()

    assert outcome.exit_code == 3
    results = place.by_line()
    assert len(results) == 200
    assert {result["status"] for result in results.values()} == {"failed"}
    assert "nothing answers" in results[200]["error"]["detail"]
    told = {results[line].get("id") for line in range(1, 9)} - {None}
    assert told
    assert told <= set(place.server.api.jobs), "what was accepted is named, so that somebody can look for it"


def test_a_job_that_fails_is_a_failed_line_and_the_run_goes_on(place: Workplace) -> None:
    place.write(3)
    place.server.api.looks_to_finish = 1_000_000
    error = {"type": "worker-lost", "title": "worker lost", "detail": "two workers died of it"}

    def finish_all() -> None:
        api = place.server.api
        api.wait_until(lambda: len(api.jobs) == 3)
        api.finish("job_000001", "failed", error=error)
        api.finish("job_000002", "expired")
        api.finish("job_000003")

    story = Aside(finish_all)
    outcome = place.run()
    story.join()

    assert outcome.exit_code == 3
    by_id = {result["id"]: result for result in place.results()}
    assert [by_id[f"job_00000{n}"]["status"] for n in (1, 2, 3)] == ["failed", "expired", "succeeded"]
    assert by_id["job_000001"]["error"] == error


def test_an_interrupt_keeps_what_has_come_cancels_the_rest_and_says_how_much_is_left(place: Workplace) -> None:
    place.server.api.looks_to_finish = 1_000_000
    place.write(10)
    api = place.server.api

    def interrupt() -> None:
        api.wait_until(lambda: len(api.jobs) == 4)
        api.finish("job_000002")
        eventually(lambda: len(place.results()) == 1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    story = Aside(interrupt)
    outcome = place.run("--in-flight", "4")
    story.join()

    assert outcome.exit_code == 130
    assert "9 lines are left" in outcome.stderr
    assert [result["id"] for result in place.results()] == ["job_000002"]
    assert api.open_jobs() == []


def test_an_interrupt_during_an_outage_ends_the_run_at_once(place: Workplace) -> None:
    place.server.api.looks_to_finish = 1_000_000
    place.write(10)

    def break_and_interrupt() -> None:
        place.server.api.wait_until(lambda: len(place.server.api.jobs) == 4)
        place.server.stop()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    story = Aside(break_and_interrupt)
    outcome = place.run("--in-flight", "4")
    story.join()
    place.server.start()

    assert outcome.exit_code == 130
    assert "10 lines are left" in outcome.stderr


def test_results_of_an_earlier_run_are_not_written_over_unasked(place: Workplace) -> None:
    place.write(1)
    place.target.write_text("precious\n")

    refused = place.run()
    content = place.target.read_text()
    left_beside = list(place.folder.glob("*.run"))
    replaced = place.run("--restart")

    assert refused.exit_code == 1
    assert "has content already" in refused.stderr
    assert content == "precious\n"
    assert not left_beside
    assert replaced.exit_code == 0
    assert len(place.results()) == 1


def test_the_input_cannot_be_the_output(place: Workplace) -> None:
    place.write(1)

    outcome = run_frontier(
        place.server.url, place.folder, "bulk", str(place.source), "-o", str(place.source), "--restart"
    )

    assert "is the input" in outcome.stderr
    assert place.source.read_text()


def test_an_api_that_is_not_there_at_the_start_is_told_before_the_output_is_touched(place: Workplace) -> None:
    place.write(1)
    place.server.stop()

    outcome = place.run()
    place.server.start()

    assert outcome.exit_code == 1
    assert "`frontier up`" in outcome.stderr
    assert not place.target.exists()


def test_prompts_come_from_stdin_and_results_go_to_stdout(place: Workplace) -> None:
    outcome = run_frontier(place.server.url, place.folder, "bulk", "-", "-o", "-", given='{"prompt": "piped"}\n')

    assert json.loads(outcome.stdout)["text"] == "echo piped"
    assert "succeeded" in outcome.stderr


def test_options_and_the_named_field_reach_the_api(place: Workplace) -> None:
    place.source.write_text('{"question": "why?"}\n')

    place.run("--field", "question", "--chat", "--max-tokens", "7", "--temperature", "0", "--stop", "###")

    body = place.server.requests[1].body
    assert body["type"] == "chat.completion"
    assert body["priority"] == "batch"
    assert body["input"] == {"messages": [{"role": "user", "content": "why?"}]}
    assert body["params"] == {"max_tokens": 7, "temperature": 0.0, "stop": ["###"]}


def test_a_token_that_is_refused_half_way_refuses_lines_instead_of_ending_the_run(place: Workplace) -> None:
    place.write(3)
    api = place.server.api
    answer = api.answer
    place.server.answer = lambda request: (
        problem(401, "unauthorized", "revoked") if request.method == "POST" else answer(request)
    )

    outcome = place.run()

    assert outcome.exit_code == 3
    assert [result["status"] for result in place.results()] == ["refused"] * 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "nope"), "Error: there is no model 'nope'; there is shakespeare\n"),
        (("--max-tokens", "1025"), "Error: --max-tokens is 1025; shakespeare generates at most 1024 tokens\n"),
    ],
)
def test_a_setting_that_is_wrong_for_every_line_ends_the_run_before_the_first(
    place: Workplace, options: tuple[str, str], said: str
) -> None:
    place.write(3)

    refused = place.run(*options)
    files = sorted(file.name for file in place.folder.iterdir())
    corrected = place.run()

    assert (refused.exit_code, refused.stderr) == (1, said)
    assert files == ["in.jsonl"]
    assert corrected.exit_code == 0


@pytest.mark.parametrize(("source", "output", "named"), [("", "out.jsonl", "IN.jsonl"), ("in.jsonl", "", "--output")])
def test_an_empty_path_is_a_usage_error_that_names_it(place: Workplace, source: str, output: str, named: str) -> None:
    outcome = run_frontier(place.server.url, place.folder, "bulk", source, "-o", output)

    assert outcome.exit_code == 2
    assert named in outcome.stderr
    assert "is empty" in outcome.stderr


def test_an_input_without_lines_is_told(place: Workplace) -> None:
    place.write(0)

    outcome = place.run()
    piped = run_frontier(place.server.url, place.folder, "bulk", "-", "-o", "-", given="")

    assert (outcome.exit_code, piped.exit_code) == (0, 0)
    assert outcome.stderr.endswith(f"{place.source} has no lines\n")
    assert piped.stderr.endswith("stdin has no lines\n")
