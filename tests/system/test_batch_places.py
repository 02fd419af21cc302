"""Batches of several tenants on a runner that has fewer places than there are batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.batches.batch import BatchStatus
from tests.redis_process import RedisProcess
from tests.system.batch_site import PATIENCE_SECONDS, TENANT, BatchSite, chat_line
from tests.system.worker_process import wait_for

PLACES = 2
CROWD = "crowd"


@pytest.fixture(scope="module")
def site(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BatchSite]:
    """All the tests' own."""
    redis = RedisProcess(tmp_path_factory.mktemp("redis"), server_binary)
    redis.start()
    folder = tmp_path_factory.mktemp("site")
    site = BatchSite(redis.url, folder, tokens_per_second=300, BATCH_CONCURRENCY=str(PLACES))
    site.start()
    site.final(site.submit([chat_line(0)]))
    yield site
    site.stop()
    redis.stop()


def of_crowd(site: BatchSite, batch_ids: list[str]) -> Counter[BatchStatus]:
    return Counter(site.batch(batch_id, CROWD).status for batch_id in batch_ids)


def test_batches_that_only_wait_leave_their_places_to_others_and_go_on_later(site: BatchSite) -> None:
    site.jobs.set_mode("m", "paused")
    crowd = [site.submit([chat_line(number) for number in range(100)], CROWD) for _ in range(2 * PLACES)]
    wait_for(lambda: of_crowd(site, crowd)[BatchStatus.IN_PROGRESS] == PLACES, PATIENCE_SECONDS)

    first, second = (site.submit([chat_line(0), chat_line(1)]) for _ in range(2))

    for batch_id in (first, second):
        site.until(batch_id, BatchStatus.IN_PROGRESS)
    wait_for(lambda: of_crowd(site, crowd)[BatchStatus.IN_PROGRESS] == len(crowd), PATIENCE_SECONDS)
    site.batches.cancel(TENANT, first)
    assert site.final(first).status is BatchStatus.CANCELLED

    site.jobs.set_mode("m", "running")
    assert site.final(second).status is BatchStatus.COMPLETED
    wait_for(lambda: of_crowd(site, crowd)[BatchStatus.COMPLETED] == len(crowd), PATIENCE_SECONDS)
    assert {site.batch(batch_id, CROWD).completed for batch_id in crowd} == {100}
    assert site.told(second) == Counter(["q-0", "q-1"])


@pytest.mark.long
def test_a_tenant_s_batch_gets_a_place_beside_those_of_another_that_run(site: BatchSite) -> None:
    crowd = [site.submit([chat_line(number) for number in range(20_000)], CROWD) for _ in range(PLACES)]
    wait_for(lambda: of_crowd(site, crowd)[BatchStatus.IN_PROGRESS] == PLACES, PATIENCE_SECONDS)

    batch = site.final(site.submit([chat_line(0)]))

    assert batch.status is BatchStatus.COMPLETED
    assert of_crowd(site, crowd) == Counter({BatchStatus.IN_PROGRESS: PLACES})
    for batch_id in crowd:
        site.batches.cancel(CROWD, batch_id)
    ended = (BatchStatus.CANCELLED,)
    wait_for(lambda: all(site.batch(one, CROWD).status in ended for one in crowd), PATIENCE_SECONDS)


def test_a_short_input_is_looked_through_beside_a_long_one(site: BatchSite) -> None:
    long_ = site.submit([chat_line(number) for number in range(50_000)], CROWD)
    wait_for(lambda: long_ in site.runner.log.read_text(), PATIENCE_SECONDS)

    short = site.submit([chat_line(0)])

    site.until(short, BatchStatus.IN_PROGRESS, BatchStatus.COMPLETED)
    assert site.batch(long_, CROWD).status is BatchStatus.VALIDATING
    site.batches.cancel(CROWD, long_)
