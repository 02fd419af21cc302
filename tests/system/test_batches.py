"""Batches run by real processes, and faults done to these."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.batches.batch import BatchStatus
from jobs.files.file import name_of
from jobs.keys import Keys
from tests.redis_process import RedisProcess
from tests.system.batch_books import BatchBooks
from tests.system.batch_site import PATIENCE_SECONDS, TENANT, BatchSite, chat_line
from tests.system.worker_process import wait_for


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory, server_binary: Path) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path_factory.mktemp("redis"), server_binary)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def site(redis: RedisProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BatchSite]:
    """All the tests' own; each leaves it running."""
    site = BatchSite(redis.url, tmp_path_factory.mktemp("site"), tokens_per_second=300)
    site.start()
    site.final(site.submit(numbered(1)))
    yield site
    site.stop()


def numbered(count: int) -> list[bytes]:
    return [chat_line(number) for number in range(count)]


def once_each(count: int) -> Counter[str]:
    return Counter(f"q-{number}" for number in range(count))


def test_a_batch_tells_each_line_once_and_leaves_no_job_behind(site: BatchSite) -> None:
    batch = site.final(site.submit(numbered(300)))

    assert batch.status is BatchStatus.COMPLETED, batch.errors
    assert (batch.total, batch.completed, batch.failed) == (300, 300, 0)
    assert batch.usage.completion_tokens == 1500
    assert site.told(batch.id) == once_each(300)
    [answer] = [line for line in site.answers(batch.id) if line["custom_id"] == "q-7"]
    assert answer["response"]["status_code"] == 200
    assert answer["response"]["body"]["object"] == "chat.completion"
    site.until_no_job_is_left()
    assert batch.output_file_id is not None
    assert batch.error_file_id is None


def test_an_input_with_a_bad_line_fails_before_any_line_is_a_job(site: BatchSite) -> None:
    lines = numbered(5000)
    lines[4998] = chat_line(4998, temperature="hot")

    batch = site.final(site.submit(lines))

    assert batch.status is BatchStatus.FAILED
    [error] = batch.errors
    assert (error.line, error.param) == (4999, "body.temperature")
    assert site.jobs.list(TENANT, batch=batch.id).jobs == []
    assert site.told(batch.id) == Counter()


def test_a_killed_runner_s_batch_goes_on_where_it_was(site: BatchSite) -> None:
    batch_id = site.submit(numbered(300))

    for told in (40, 150):
        site.until_told(batch_id, told)
        site.runner.send(signal.SIGKILL)

    batch = site.final(batch_id)
    assert batch.status is BatchStatus.COMPLETED
    assert site.told(batch_id) == once_each(300)
    assert batch.usage.completion_tokens == 1500


@pytest.mark.long
@pytest.mark.parametrize("place", ["runner.before_commit", "runner.after_commit"])
def test_a_runner_that_dies_around_a_commit_doubles_nothing_and_leaves_nothing(site: BatchSite, place: str) -> None:
    books = BatchBooks(site)
    site.runner.end(signal.SIGTERM)
    site.runner.start(FRONTIER_FAILPOINTS=f"{place}=kill@2")

    batch_id = site.submit(numbered(300))

    assert site.final(batch_id).status is BatchStatus.COMPLETED
    assert site.told(batch_id) == once_each(300)
    assert site.runner.exit_codes[-1] == -signal.SIGKILL
    books.close(batch_id)


@pytest.mark.long
def test_a_batch_that_takes_down_every_runner_fails_and_says_so(site: BatchSite) -> None:
    site.runner.end(signal.SIGTERM)
    doomed = site.another_runner("runner-3", FRONTIER_FAILPOINTS="runner.before_commit=kill")
    doomed.start()
    try:
        batch = site.final(site.submit(numbered(20)))
    finally:
        doomed.end()
        site.runner.start()

    assert batch.status is BatchStatus.FAILED
    assert [error.code for error in batch.errors] == ["batch_given_up"]
    assert site.told(batch.id) == Counter()
    assert doomed.exit_codes.count(-signal.SIGKILL) >= 6
    assert site.batches.due(1) == []
    untold = site.jobs.list(TENANT, batch=batch.id, limit=20).jobs
    assert untold
    for job in untold:  # as their clients may, once they have read what the batch could not tell
        assert job.is_final
        site.jobs.erase(TENANT, job.id)
    site.until_no_job_is_left()


def test_while_the_storage_fails_a_batch_waits_and_says_so(site: BatchSite) -> None:
    batch_id = site.submit(numbered(300))
    site.until_told(batch_id, 20)
    unfinished, aside = site.folder / "files" / "unfinished", site.folder / "aside"
    unfinished.rename(aside)
    unfinished.touch()

    wait_for(lambda: site.batch(batch_id).waiting_for is not None, PATIENCE_SECONDS)
    unfinished.unlink()
    aside.rename(unfinished)

    batch = site.final(batch_id)
    assert (batch.status, batch.waiting_for) == (BatchStatus.COMPLETED, None)
    assert site.told(batch_id) == once_each(300)


@pytest.mark.long
def test_a_runner_that_stood_still_adds_nothing_to_what_its_successor_tells(site: BatchSite) -> None:
    batch_id = site.submit(numbered(300))
    site.until_told(batch_id, 50)

    site.runner.send(signal.SIGSTOP)
    second = site.another_runner("runner-2")
    second.start()
    try:
        site.until_told(batch_id, 150)
        site.runner.send(signal.SIGCONT)
        batch = site.final(batch_id)
    finally:
        second.end()

    assert batch.status is BatchStatus.COMPLETED
    assert site.told(batch_id) == once_each(300)


def test_a_runner_told_to_stop_gives_its_batch_to_the_next_at_once(site: BatchSite) -> None:
    batch_id = site.submit(numbered(300))
    site.until_told(batch_id, 50)

    site.runner.end(signal.SIGTERM)

    assert site.batches.due(1) == [f"{TENANT}/{batch_id}"]
    site.runner.start()
    assert site.final(batch_id).status is BatchStatus.COMPLETED
    assert site.told(batch_id) == once_each(300)


def test_nothing_is_lost_or_told_twice_while_the_worker_redis_and_the_runner_are_killed(
    site: BatchSite, redis: RedisProcess
) -> None:
    batch_id = site.submit(numbered(600))

    site.until_told(batch_id, 100)
    site.worker.send(signal.SIGKILL)
    site.until_told(batch_id, 150)
    redis.kill()
    redis.start()
    site.until_told(batch_id, 350)
    site.runner.send(signal.SIGKILL)

    batch = site.final(batch_id)
    assert batch.status is BatchStatus.COMPLETED
    assert site.told(batch_id) == once_each(600)
    assert (batch.completed, batch.failed) == (600, 0)


def test_the_same_file_twice_are_two_batches(site: BatchSite) -> None:
    file_id = site.upload(numbered(100))

    batch_ids = [site.accept(file_id), site.accept(file_id)]

    for batch_id in batch_ids:
        assert site.final(batch_id).status is BatchStatus.COMPLETED
        assert site.told(batch_id) == once_each(100)


def test_of_a_cancelled_batch_what_has_ended_is_told_and_so_is_what_has_not(site: BatchSite) -> None:
    batch_id = site.submit(numbered(2000))
    site.until_told(batch_id, 100)

    site.batches.cancel(TENANT, batch_id)

    batch = site.final(batch_id)
    assert batch.status is BatchStatus.CANCELLED
    assert site.told(batch_id) == once_each(2000)
    assert 100 <= len(site.answers(batch_id)) == batch.completed < 2000
    assert {line["error"]["code"] for line in site.answers(batch_id, "errors")} == {"batch_cancelled"}
    site.until_no_job_is_left()


def test_a_batch_that_is_cancelled_before_it_begins_ends_at_once(site: BatchSite) -> None:
    site.runner.end(signal.SIGTERM)
    batch_id = site.submit(numbered(10))
    site.batches.cancel(TENANT, batch_id)
    site.runner.start()

    batch = site.final(batch_id)

    assert batch.status is BatchStatus.CANCELLED
    assert site.told(batch_id) == Counter()


def test_a_batch_whose_time_is_over_tells_what_it_has(site: BatchSite) -> None:
    batch_id = site.submit(numbered(5000))
    site.until_told(batch_id, 20)
    site.client.hset(Keys().tenant(TENANT, "batch", batch_id), "expires_at", 1)

    batch = site.final(batch_id)

    assert batch.status is BatchStatus.EXPIRED
    assert site.told(batch.id) == once_each(5000)
    assert 0 < batch.completed < 5000
    assert {line["error"]["code"] for line in site.answers(batch.id, "errors")} == {"batch_expired"}


def test_a_batch_whose_input_is_deleted_goes_on_and_the_bytes_go_when_it_has_ended(site: BatchSite) -> None:
    file_id = site.upload(numbered(300))
    batch_id = site.accept(file_id)
    site.until_told(batch_id, 20)
    site.files.remove(TENANT, file_id)
    site.runner.send(signal.SIGKILL)

    batch = site.final(batch_id)

    assert batch.status is BatchStatus.COMPLETED
    assert site.told(batch_id) == once_each(300)
    wait_for(lambda: site.storage.names(f"files/{TENANT}").count(name_of(TENANT, file_id)) == 0, PATIENCE_SECONDS)


def test_a_batch_whose_input_is_lost_fails_and_says_so(site: BatchSite) -> None:
    file_id = site.upload(numbered(10))
    site.storage.delete(name_of(TENANT, file_id))

    batch = site.final(site.accept(file_id))

    assert batch.status is BatchStatus.FAILED
    assert [error.code for error in batch.errors] == ["file_not_found"]
