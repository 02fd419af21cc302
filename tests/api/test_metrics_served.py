"""`/metrics` of a real server, with two processes behind it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier

import pytest

from observability.metrics.metric import Page
from scripts.ports import free_port
from tests.api.conftest import Worker
from tests.api.gunicorn_process import Answer, GunicornProcess
from tests.observability.metrics.scraped import Scrape, check_against_the_catalogue
from tests.system.worker_process import wait_for

BODY = {"input": {"prompt": "Hark, a prompt that nobody else may see"}}
CLIENTS, READS = 8, 10
METRICS_PORT = free_port()


@pytest.fixture(scope="module")
def env(redis_server: str, catalog_file: Path) -> dict[str, str]:
    return {"REDIS_URL": redis_server, "TRUTHGPT_CONFIG": str(catalog_file), "API_WORKERS": "2"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server may keep what it likes."""
    return tmp_path_factory.mktemp("gunicorn")


@pytest.fixture(scope="module")
def shared_server(env: Mapping[str, str], folder: Path) -> Iterator[GunicornProcess]:
    server = GunicornProcess({**env, "TMPDIR": str(folder), "METRICS_PORT": str(METRICS_PORT)}, folder / "log")
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


def test_a_client_that_waits_does_not_count_its_wait(server: GunicornProcess) -> None:
    job_id = server.send("POST", "/v1/jobs", BODY).json["id"]
    before = scrape(server)
    began_at = time.monotonic()
    assert server.send("GET", f"/v1/jobs/{job_id}", Prefer="wait=1").json["status"] == "queued"
    seconds = time.monotonic() - began_at
    after = scrape(server)

    def grown(name: str) -> float:
        return after.sum(name, route="jobs") - before.sum(name, route="jobs")

    assert grown("frontier_request_wait_seconds_count") == 1
    assert grown("inference_request_duration_ms_count") == 1
    waited = grown("frontier_request_wait_seconds_sum")
    assert waited > 0
    assert grown("inference_request_duration_ms_sum") / 1000 + waited <= seconds


def test_the_port_of_metrics_tells_the_page_to_everybody_and_nothing_else(server: GunicornProcess) -> None:
    def ask(method: str, path: str) -> Answer:
        connection = HTTPConnection("127.0.0.1", METRICS_PORT, timeout=60)
        try:
            connection.request(method, path)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    told = ask("GET", "/metrics")
    assert told.status == 200
    assert Scrape(told.text).families.keys() == scrape(server).families.keys()
    assert ask("HEAD", "/metrics").status == 200
    assert ask("POST", "/metrics").status == 405
    assert {ask("GET", path).status for path in ("/", "/health", "/v1/jobs", "/metrics/")} == {404}
    assert server.send("GET", "/metrics", Authorization="").status == 401


def test_what_a_dead_process_counted_stays_and_what_it_had_is_no_more(server: GunicornProcess, folder: Path) -> None:
    for _ in range(READS):
        server.send("GET", "/v1/jobs")
    before = scrape(server)
    killed = server.worker_pids()
    assert len(killed) == 2
    assert list(folder.glob("frontier-metrics-*/gauge_live*.db"))
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not killed & server.worker_pids())
    wait_for(lambda: not [file for pid in killed for file in folder.glob(f"frontier-metrics-*/gauge_*_{pid}.db")])
    after = scrape(server)

    reads = {"route": "jobs", "method": "GET", "status": "2xx"}
    assert after.value("inference_requests_total", **reads) == before.value("inference_requests_total", **reads)
    assert after.value("inference_request_duration_ms_p50") > 0
