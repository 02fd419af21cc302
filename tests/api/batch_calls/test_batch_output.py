"""The output of a batch: read while it runs, behind the lines that are known, and as a file when it has ended."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobs.batches.batch import BatchStatus, PartKind
from storage.chunks import CHUNK_BYTES
from tests.api.batch_calls.conftest import Desk, Runner, told_line


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def lines_of(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/jsonl"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    return str(answer.data.decode()).splitlines()


def test_a_reader_is_told_each_line_once_while_the_batch_runs(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    assert lines_of(desk.output(batch_id)) == []
    lease = runner.begin(batch_id, 6)
    numbers = itertools.count(1)
    sizes = iter((1, 2, 3))
    seen: list[str] = []
    after, status = 0, ""

    while status != "completed":
        answer = desk.output(batch_id, after)
        seen += lines_of(answer)
        after, status = int(answer.headers["Next-After"]), answer.headers["Batch-Status"]
        assert after == len(seen)
        if size := next(sizes, 0):
            runner.tell(lease, *itertools.islice(map(told_line, numbers), size))
        elif status == "in_progress":
            runner.end(lease)

    assert seen == [told_line(number) for number in range(1, 7)]


@pytest.mark.parametrize("after", range(10))
def test_it_goes_on_at_any_line_whatever_the_parts(desk: Desk, runner: Runner, after: int) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 9)
    told = [told_line(number) for number in range(1, 9)]
    for first, last in ((0, 3), (3, 4), (4, 8)):
        runner.tell(lease, *told[first:last])

    answer = desk.output(batch_id, after)

    assert lines_of(answer) == told[after:]
    assert answer.headers["Next-After"] == str(max(after, 8))
    assert answer.headers["Batch-Status"] == "in_progress"


def test_a_line_is_found_beyond_the_first_chunk_of_a_part(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 6)
    told = [letter * (CHUNK_BYTES // 2 - 1) for letter in "abcdef"]
    runner.tell(lease, *told)

    for after in range(7):
        assert lines_of(desk.output(batch_id, after)) == told[after:]


def test_of_very_many_parts_those_behind_any_line_are_found(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 1203)
    told = [f"line {number}" for number in range(1203)]
    for number in range(0, 1203, 2):
        runner.tell(lease, *told[number : number + 2])

    for after in (0, 1, 202, 203, 204, 1001, 1202, 1203):
        assert lines_of(desk.output(batch_id, after)) == told[after:]


def test_a_reader_who_waits_is_answered_as_soon_as_a_line_is_told(
    desk: Desk, runner: Runner, pool: ThreadPoolExecutor
) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 3)
    runner.tell(lease, told_line(1))

    waiting = pool.submit(desk.output, batch_id, 1, Prefer="wait=60")
    runner.tell(lease, told_line(2))

    answer = waiting.result(30)
    assert lines_of(answer) == [told_line(2)]
    assert answer.headers["Preference-Applied"] == "wait=60"


def test_a_reader_who_waits_for_lines_that_never_come_is_answered_at_the_end(
    desk: Desk, runner: Runner, pool: ThreadPoolExecutor
) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 1)

    waiting = pool.submit(desk.output, batch_id, 0, "errors", Prefer="wait=60")
    runner.tell(lease, told_line(1))
    runner.end(lease)

    answer = waiting.result(30)
    assert lines_of(answer) == []
    assert answer.headers["Batch-Status"] == "completed"


def test_a_wait_ends_without_a_line_once_its_time_is_over(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    runner.begin(batch_id, 1)

    answer = desk.output(batch_id, Prefer="wait=1")

    assert lines_of(answer) == []
    assert answer.headers["Next-After"] == "0"


def test_lines_without_an_answer_are_read_apart(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 3)
    runner.tell(lease, told_line(1))
    runner.tell(lease, told_line(2), told_line(3), kind="errors")

    assert lines_of(desk.output(batch_id, kind="output")) == [told_line(1)]
    answer = desk.output(batch_id, 1, kind="errors")
    assert lines_of(answer) == [told_line(3)]
    assert answer.headers["Next-After"] == "2"


@pytest.mark.parametrize("kind", ["output", "errors"])
def test_the_file_is_its_parts_put_together_whole_or_a_range(desk: Desk, runner: Runner, kind: PartKind) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 5)
    parts = [runner.tell(lease, *(told_line(n) for n in numbers), kind=kind) for numbers in ((1, 2), (3,), (4, 5))]
    runner.end(lease)
    whole = "".join(f"{told_line(number)}\n" for number in range(1, 6)).encode()
    file_id = desk.find(batch_id)["output_file_id" if kind == "output" else "error_file_id"]
    edges = [0, parts[0].bytes - 1, parts[0].bytes, parts[0].bytes + parts[1].bytes, len(whole) - 1]

    content = desk.api.get(f"/v1/files/{file_id}/content")

    assert (content.status_code, content.data) == (200, whole)
    assert desk.api.get(f"/v1/files/{file_id}").json["bytes"] == len(whole)
    for first, last in itertools.combinations_with_replacement(edges, 2):
        piece = desk.api.get(f"/v1/files/{file_id}/content", Range=f"bytes={first}-{last}")
        assert (piece.status_code, piece.data) == (206, whole[first : last + 1])
    assert lines_of(desk.output(batch_id, 0, kind)) == whole.decode().splitlines()


def test_what_was_told_before_a_batch_expired_is_delivered(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 2)
    runner.tell(lease, told_line(1))
    runner.tell(lease, told_line(2), kind="errors")
    runner.end(lease, BatchStatus.EXPIRED)

    answer = desk.output(batch_id)

    assert lines_of(answer) == [told_line(1)]
    assert answer.headers["Batch-Status"] == "expired"


def test_output_whose_file_was_deleted_is_not_told_any_more(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 1)
    runner.tell(lease, told_line(1))
    runner.end(lease)
    desk.api.send("DELETE", f"/v1/files/{desk.find(batch_id)['output_file_id']}")

    answer = desk.output(batch_id)

    assert (answer.status_code, answer.json["type"]) == (404, "/problems/file-not-found")
    assert lines_of(desk.output(batch_id, kind="errors")) == []


def test_a_part_that_is_gone_from_the_storage_is_no_empty_answer(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 2)
    part = runner.tell(lease, told_line(1))
    runner.storage.delete(part.name)

    assert desk.output(batch_id).status_code == 404


def test_the_headers_alone_can_be_asked_for(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 2)
    part = runner.tell(lease, told_line(1))

    answer = desk.api.send("HEAD", f"/v1/batches/{batch_id}/output")

    assert (answer.status_code, answer.data) == (200, b"")
    assert (answer.headers["Next-After"], answer.headers["Content-Length"]) == ("1", str(part.bytes))


@pytest.mark.parametrize(
    ("query", "param"),
    [("after=-1", "after"), ("after=some", "after"), ("kind=parts", "kind"), ("limit=3", "limit")],
)
def test_what_cannot_be_asked_for_is_refused(desk: Desk, query: str, param: str) -> None:
    answer = desk.api.get(f"/v1/batches/{desk.make()}/output?{query}")

    assert (answer.status_code, answer.json["error"]["param"]) == (400, param)
