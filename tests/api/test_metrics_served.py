"""`/metrics` of a real server, with two processes behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from observability.metrics.metric import Page
from tests.api.conftest import Worker
from tests.api.gunicorn_process import GunicornProcess
from tests.observability.metrics.scraped import Scrape, check_against_the_catalogue

BODY = {"input": {"prompt": "Hark, a prompt that nobody else may see"}}
CLIENTS, READS = 8, 10


@pytest.fixture(scope="module")
def env(redis_server: str, catalog_file: Path) -> dict[str, str]:
    return {"REDIS_URL": redis_server, "TRUTHGPT_CONFIG": str(catalog_file), "API_WORKERS": "2"}


@pytest.fixture(scope="module")
def shared_server(env: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornProcess]:
    folder = tmp_path_factory.mktemp("gunicorn")
    server = GunicornProcess({**env, "TMPDIR": str(folder)}, folder / "log")
    yield server
    assert list(folder.glob("frontier-metrics-*"))
    assert server.stop() == 0
    assert not list(folder.glob("frontier-metrics-*"))


@pytest.fixture
def server(shared_server: GunicornProcess, redis_url: str) -> GunicornProcess:
    del redis_url
    return shared_server


def scrape(server: GunicornProcess) -> Scrape:
    answer = server.send("GET", "/metrics")
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return Scrape(answer.text)


def test_requests_are_counted_over_all_processes_and_scrapes_are_not(server: GunicornProcess) -> None:
    before = scrape(server)
    together = Barrier(CLIENTS)

    def read() -> None:
        together.wait(60)
        for _ in range(READS):
            assert server.send("GET", "/v1/jobs").status == 200

    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(read) for _ in range(CLIENTS)]:
            done.result()
    assert server.send("GET", "/v1/jobs/unknown").status == 404
    assert server.send("GET", "/health").status == 200
    after = scrape(server)

    def grown(name: str, **labels: str) -> float:
        return after.sum(name, **labels) - before.sum(name, **labels)

    reads = {"route": "jobs", "method": "GET", "status": "2xx"}
    assert grown("inference_requests_total", **reads) == CLIENTS * READS
    assert grown("inference_request_duration_ms_count", **reads) == CLIENTS * READS
    assert grown("inference_requests_total") == CLIENTS * READS + 1
    assert grown("inference_errors_4xx_total", route="jobs") == 1
    assert grown("inference_errors_5xx_total") == 0
    assert after.value("inference_request_duration_ms_p50") <= after.value("inference_request_duration_ms_p99")
    assert 0 < after.value("inference_request_duration_ms_p95") < 60_000


def test_a_page_after_traffic_is_what_the_catalogue_says(server: GunicornProcess, worker: Worker) -> None:
    tenant = "a-tenant-with-a-name"
    made = server.send("POST", "/v1/admin/keys", {"tenant": tenant, "scopes": ["jobs:write", "jobs:read"]}).json
    theirs = f"Bearer {made['key']}"
    job_id = server.send("POST", "/v1/jobs", BODY, Authorization=theirs).json["id"]
    own_id = server.send("POST", "/v1/jobs", BODY).json["id"]
    worker.run(own_id)
    assert server.send("GET", f"/v1/jobs/{own_id}/events").status == 200
    assert server.send("GET", "/v1/nowhere").status == 404
    assert server.send("GET", f"/v1/jobs/{job_id}", Prefer="wait=1", Authorization=theirs).status == 200

    page = scrape(server)

    check_against_the_catalogue(page, Page.API)
    assert page.value("frontier_redis_up") == 1
    assert page.value("inference_queue_depth", model="poet") == 1
    assert page.sum("frontier_stream_duration_seconds_count", route="jobs") == 1
    assert page.value("frontier_streams", route="jobs") == 0
    assert page.value("process_memory_bytes") > 2 * 10_000_000
    for secret in (tenant, made["id"], made["key"], job_id, own_id, "nowhere", "Hark"):
        assert secret not in page.text
