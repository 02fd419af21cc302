from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from scripts.benchmark import job_paths
from scripts.benchmark.jobs_per_second import Way, measure

pytestmark = pytest.mark.usefixtures("server_binary")

JOBS = 5
DEADLINE_SECONDS = 60
WAYS: dict[str, Callable[[str, Path], AbstractContextManager[Way]]] = {
    "Celery": partial(job_paths.celery_alone, stride=JOBS, acknowledges=False),
    "Celery that acknowledges": partial(job_paths.celery_alone, stride=JOBS, acknowledges=True),
    "without HTTP": job_paths.without_http,
    "over HTTP": job_paths.over_http,
}


@pytest.mark.parametrize("name", WAYS)
def test_every_job_of_a_way_is_done_and_has_its_price(
    name: str, redis_url: str, redis_client: Redis, tmp_path: Path
) -> None:
    before = len(redis_client.client_list())
    with WAYS[name](redis_url, tmp_path) as way:
        pace = measure(way, redis_client, jobs=JOBS, warm_up=JOBS, threads=2)
        assert way.done() == 2 * JOBS
        assert set(pace.cpu_ms) == {"submitting", "redis", *way.processes}
    assert pace.jobs == JOBS
    assert pace.cpu_ms_per_job > 0
    give_up_at = time.monotonic() + DEADLINE_SECONDS
    while len(redis_client.client_list()) > before:
        assert time.monotonic() < give_up_at, "connections are left open"
