"""Bulk runs that go on where an earlier one was interrupted."""

from __future__ import annotations

import json
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from scripts.bulk_record import lock_record
from tests.scripts.bulk_place import Workplace
from tests.scripts.client_app import Aside, eventually, run_frontier
from tests.scripts.job_server import JobServer

ERROR = {"type": "/problems/job-failed", "title": "The job failed.", "detail": "boom"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    with JobServer(looks_to_finish=1) as server:
        yield Workplace(tmp_path, server)


def run_and_interrupt(place: Workplace, *options: str, after: int) -> Result:
    """A run in which *after* of four open jobs succeed before Ctrl-C comes; jobs finish by themselves afterwards."""
    api = place.server.api
    done_before, first = len(place.results()), len(api.jobs)
    api.looks_to_finish = float("inf")

    def interrupt() -> None:
        api.wait_until(lambda: len(api.jobs) == first + 4)
        for job_id in api.open_jobs()[:after]:
            api.finish(job_id)
        eventually(lambda: len(place.results()) == done_before + after)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    story = Aside(interrupt)
    outcome = place.run("--in-flight", "4", *options)
    story.join()
    api.looks_to_finish = 1
    return outcome


def run_in_which(place: Workplace, *options: str, **ends: str) -> Result:
    """A run in which the n-th new job ends as *n<n>* says, and the others succeed."""
    api = place.server.api
    count, first = len(place.source.read_text().splitlines()), len(api.jobs)
    api.looks_to_finish = float("inf")

    def finish_all() -> None:
        api.wait_until(lambda: len(api.jobs) == first + (len(ends) if "--retry-failed" in options else count))
        for number, job_id in enumerate(api.open_jobs(), 1):
            status = ends.get(f"n{number}", "succeeded")
            api.finish(job_id, status, **({"error": ERROR} if status == "failed" else {}))

    story = Aside(finish_all)
    outcome = place.run(*options)
    story.join()
    api.looks_to_finish = 1
    return outcome


def jobs_of_line(place: Workplace, line: int) -> list[str]:
    return [job["status"] for job in place.server.api.jobs.values() if job["metadata"]["line"] == str(line)]


def test_the_same_command_after_an_interrupt_does_the_other_lines_alone(place: Workplace) -> None:
    place.write(10)
    first = run_and_interrupt(place, after=2)
    kept = place.target.read_bytes()

    second = place.run()

    assert first.exit_code == 130
    assert "The same command goes on with them" in first.stderr
    assert second.exit_code == 0, second.output
    assert second.stderr.startswith("2 lines were done before\n")
    assert place.target.read_bytes().startswith(kept)
    assert sorted(place.by_line()) == list(range(1, 11))
    assert all(jobs_of_line(place, line).count("succeeded") == 1 for line in range(1, 11))


def test_a_run_interrupted_again_and_again_comes_to_its_end(place: Workplace) -> None:
    place.write(7)
    for _ in range(3):
        assert run_and_interrupt(place, after=1).exit_code == 130

    assert place.run().exit_code == 0
    assert sorted(place.by_line()) == list(range(1, 8))
    assert all(jobs_of_line(place, line).count("succeeded") == 1 for line in range(1, 8))


def test_a_complete_run_done_again_submits_nothing(place: Workplace) -> None:
    place.write(5)
    place.run()
    content = place.target.read_bytes()

    outcome = place.run()

    assert outcome.exit_code == 0
    assert place.server.calls["POST"] == 5
    assert place.target.read_bytes() == content


def test_a_run_of_a_release_that_knew_fewer_options_is_gone_on_with(place: Workplace) -> None:
    place.write(5)
    place.run()
    record = place.target.with_name("out.jsonl.run")
    document = json.loads(record.read_text())
    for name in ("template", "from_csv", "format", "batch"):
        del document["settings"][name]
    record.write_text(json.dumps(document))

    assert place.run().stderr.startswith("5 lines were done before")
    assert place.server.calls["POST"] == 5


def test_jobs_in_flight_at_a_kill_are_found_again_and_none_is_computed_twice(place: Workplace) -> None:
    place.write(12)
    api = place.server.api
    api.looks_to_finish = float("inf")
    process = place.start("--in-flight", "6")
    with process:
        api.wait_until(lambda: len(api.jobs) == 6)
        api.finish("job_000001")
        eventually(lambda: len(place.results()) == 1)
        process.kill()
    api.finish("job_000002")
    api.looks_to_finish = 1

    assert place.run().exit_code == 0
    assert sorted(place.by_line()) == list(range(1, 13))
    assert len(api.jobs) == 12


def test_a_job_that_an_earlier_run_has_asked_to_stop_and_still_runs_is_done_again(place: Workplace) -> None:
    place.write(1)
    api = place.server.api
    process = place.start()
    with process:
        api.wait_until(lambda: len(api.jobs) == 1)
        process.kill()
    api.jobs["job_000001"] |= {"status": "running", "cancel_requested_at": "2026-11-22T21:00:00.000Z"}
    place.server.calls.clear()

    def stop_late() -> None:
        api.wait_until(lambda: place.server.calls["POST"] == 1)
        api.looks_to_finish = 1
        api.finish("job_000001", "cancelled")

    story = Aside(stop_late)
    api.looks_to_finish = float("inf")
    outcome = place.run()
    story.join()

    assert outcome.exit_code == 0, outcome.output
    assert jobs_of_line(place, 1) == ["cancelled", "succeeded"]


def test_a_run_that_is_told_to_end_stops_as_after_an_interrupt(place: Workplace) -> None:
    place.write(12)
    api = place.server.api
    api.looks_to_finish = float("inf")
    process = place.start("--in-flight", "6")
    with process:
        api.wait_until(lambda: len(api.jobs) == 6)
        process.terminate()
        _, said = process.communicate()

    assert process.returncode == 130
    assert "12 lines are left" in said
    assert api.open_jobs() == []


@pytest.mark.parametrize("torn", [b"", b'{"line": 9, "id": "job_0000', b"\0\0\0"], ids=["whole", "half", "zeros"])
def test_a_last_line_torn_by_a_kill_is_mended(place: Workplace, torn: bytes) -> None:
    place.write(3)
    place.run()
    lines = place.target.read_bytes().splitlines(keepends=True)
    place.target.write_bytes(lines[0] + (torn or lines[1].rstrip(b"\n")))

    outcome = place.run()

    assert outcome.exit_code == 0
    assert outcome.stderr.startswith(f"{1 if torn else 2} lines were done before")
    assert sorted(place.by_line()) == [1, 2, 3]
    assert len(place.server.api.jobs) == 3


def test_an_output_that_something_else_has_written_to_is_left_alone(place: Workplace) -> None:
    place.write(3)
    place.run()
    place.target.write_text('{"mine": true}\n' + place.target.read_text())
    content = place.target.read_bytes()

    outcome = place.run()

    assert outcome.exit_code == 1
    assert "line 1 of" in outcome.stderr
    assert "--restart" in outcome.stderr
    assert place.target.read_bytes() == content


def test_a_changed_input_or_another_setting_is_refused_by_name_and_restart_starts_over(place: Workplace) -> None:
    place.write(3)
    place.run("--temperature", "0", "--max-tokens", "5")
    content = place.target.read_bytes()
    place.write(4)

    refused = place.run("--temperature", "0.5", "--chat")
    unchanged = place.target.read_bytes()
    restarted = place.run("--temperature", "0.5", "--chat", "--restart")

    assert refused.exit_code == 1
    assert "the input has changed (3 lines then, 4 now)" in refused.stderr
    assert "--temperature was 0.0, is 0.5" in refused.stderr
    assert "--chat was not given, is true" in refused.stderr
    assert "--max-tokens was 5, is not given" in refused.stderr
    assert "--top-p" not in refused.stderr
    assert unchanged == content
    assert restarted.exit_code == 0
    assert sorted(place.by_line()) == [1, 2, 3, 4]
    assert len(place.server.api.jobs) == 7


def test_an_input_of_as_many_other_lines_is_refused_too(place: Workplace) -> None:
    place.write(3)
    place.run()
    place.source.write_text(place.source.read_text().replace("prompt 2", "prompt two"))

    assert "the input has changed. Repeat that" in place.run().stderr


def test_an_output_that_was_removed_is_a_run_of_its_own(place: Workplace) -> None:
    place.write(2)
    place.run()
    place.target.unlink()

    assert place.run().exit_code == 0
    assert len(place.server.api.jobs) == 4


def test_lines_without_success_stay_so_until_a_retry_puts_new_outcomes_in_their_place(place: Workplace) -> None:
    place.write(6)
    first = run_in_which(place, n2="failed", n4="expired", n5="cancelled")
    again = place.run()
    retried = place.run("--retry-failed")

    assert (first.exit_code, again.exit_code, retried.exit_code) == (3, 3, 0)
    assert "--retry-failed" in again.stderr
    assert retried.stderr.startswith("3 lines were done before, 3 are done again\n")
    assert {result["status"] for result in place.by_line().values()} == {"succeeded"}
    assert len(place.by_line()) == 6
    assert len(place.server.api.jobs) == 9


def test_a_retry_that_fails_can_be_retried(place: Workplace) -> None:
    place.write(2)
    run_in_which(place, n2="failed")
    second = run_in_which(place, "--retry-failed", n1="failed")
    third = place.run("--retry-failed")

    assert (second.exit_code, third.exit_code) == (3, 0)
    assert "job_000004" in {result["id"] for result in place.by_line().values()}


def test_a_retry_that_was_killed_leaves_each_line_once_and_pays_none_twice(place: Workplace) -> None:
    place.write(4)
    run_in_which(place, n1="failed", n2="failed", n3="failed")
    api = place.server.api
    api.looks_to_finish = float("inf")
    process = place.start("--retry-failed")
    with process:
        api.wait_until(lambda: len(api.jobs) == 7)
        api.finish(api.open_jobs()[0])
        eventually(lambda: len(place.results()) == 5)
        process.kill()
    api.finish(api.open_jobs()[0])
    api.looks_to_finish = 1

    plain = place.run()
    lines_after_plain = place.by_line()
    retried = place.run("--retry-failed")

    assert (plain.exit_code, retried.exit_code) == (3, 0)
    assert len(lines_after_plain) == 4
    assert len(place.by_line()) == 4
    assert len(api.jobs) == 7


def test_a_line_whose_end_was_not_seen_is_looked_up_before_it_is_computed_again(place: Workplace) -> None:
    place.write(3)
    api = place.server.api
    api.looks_to_finish = float("inf")

    def go_away() -> None:
        api.wait_until(lambda: len(api.jobs) == 3)
        place.server.stop()

    story = Aside(go_away)
    first = place.run("--patience", "0.5")
    story.join()
    place.server.start()
    api.finish("job_000001")
    api.looks_to_finish = 1

    assert first.exit_code == 3
    assert place.run("--retry-failed").exit_code == 0
    assert len(place.by_line()) == 3
    assert len(api.jobs) == 3


def test_a_failed_line_that_was_requeued_by_hand_takes_the_result_of_that(place: Workplace) -> None:
    place.write(2)
    run_in_which(place, n1="failed")
    requeued = run_frontier(place.server.url, place.folder, "jobs", "requeue", "job_000001")

    assert requeued.stdout == "job_000001 -> job_000003\n"
    assert place.run("--retry-failed").exit_code == 0
    assert {result["id"] for result in place.by_line().values()} == {"job_000002", "job_000003"}
    assert len(place.server.api.jobs) == 3


def test_a_failed_line_whose_job_was_erased_is_done_again(place: Workplace) -> None:
    place.write(1)
    run_in_which(place, n1="failed")
    place.server.api.forget("job_000001")

    assert place.run("--retry-failed").exit_code == 0


def test_the_commonest_reasons_are_told_with_a_line_to_look_at(place: Workplace) -> None:
    lines = ['{"prompt": "fine"}', "{broken", "", '{"prompt": "please refuse"}', "", '["no", "object"']
    place.source.write_text("\n".join(lines))

    outcome = place.run()

    table = [line.strip().split(maxsplit=4) for line in outcome.stderr.splitlines()]
    assert ["2", "refused", "line", "3", "the line is no submission: the line is empty"] in table
    assert ["refused", "5"] in table
    assert outcome.stderr.index("the line is empty") < outcome.stderr.index("not JSON")


def test_failures_that_differ_in_numbers_alone_are_counted_together(place: Workplace) -> None:
    place.write(3)
    api = place.server.api
    api.looks_to_finish = float("inf")

    def fail_all() -> None:
        api.wait_until(lambda: len(api.jobs) == 3)
        for number, job_id in enumerate(api.open_jobs()):
            api.finish(job_id, "failed", error=ERROR | {"detail": f"{job_id} has {300 + number} tokens"})

    story = Aside(fail_all)
    outcome = place.run()
    story.join()

    assert any(line.startswith("3 ") and "30" in line for line in outcome.stderr.splitlines())


def test_two_runs_never_write_to_one_output(place: Workplace) -> None:
    place.write(2)
    with lock_record(place.target):
        refused = place.run()

    assert refused.exit_code == 1
    assert "another `frontier bulk` writes to" in refused.stderr
    assert place.run().exit_code == 0


def test_a_full_disk_is_told_and_the_same_command_goes_on_when_there_is_room(place: Workplace) -> None:
    place.write(40)
    place.run()
    full = len(place.target.read_bytes())
    api = place.server.api
    api.looks_to_finish = float("inf")
    process = place.start("--restart")
    with process:
        api.wait_until(lambda: len(api.jobs) == 80)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (full // 2, full // 2))
        for job_id in api.open_jobs():
            api.finish(job_id)
        _, said = process.communicate()
    api.looks_to_finish = 1

    assert process.returncode == 1
    assert f"cannot go on writing {place.target}: File too large" in said
    assert place.run().exit_code == 0
    assert len(place.by_line()) == 40
    assert len(api.jobs) == 80


def test_a_run_into_a_pipe_says_that_it_cannot_go_on(place: Workplace) -> None:
    place.write(2)

    outcome = run_frontier(place.server.url, place.folder, "bulk", str(place.source), "-o", "-")

    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("This run cannot go on after an interrupt")
    assert len(outcome.stdout.splitlines()) == 2


def test_results_of_prompts_from_a_pipe_are_not_mixed_with_those_of_another(place: Workplace) -> None:
    words = ("bulk", "-", "-o", str(place.target))
    run_frontier(place.server.url, place.folder, *words, given='{"prompt": "one"}\n')
    refused = run_frontier(place.server.url, place.folder, *words, given='{"prompt": "two"}\n')

    assert refused.exit_code == 1
    assert "has content already, and not of a run that could go on" in refused.stderr
    assert place.by_line()[1]["text"] == "echo one"
    assert not list(place.folder.glob("*.run"))


def test_prompts_from_a_pipe_leave_no_record_of_the_run_they_replace(place: Workplace) -> None:
    place.write(1)
    place.run()
    words = ("bulk", "-", "-o", str(place.target))
    refused = run_frontier(place.server.url, place.folder, *words, given='{"prompt": "other"}\n')
    run_frontier(place.server.url, place.folder, *words, "--restart", given='{"prompt": "other"}\n')
    again = place.run()

    assert "the input is a stream" in refused.stderr
    assert again.exit_code == 1
    assert "has content already" in again.stderr
    assert place.by_line()[1]["text"] == "echo other"
