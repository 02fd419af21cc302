"""`/metrics` of one process: who may read it, and what it counts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from redis import Redis

from api.process import ApiProcess
from api.request_metrics import UNCOUNTED
from jobs.environment import SettingError
from observability.metrics.api_catalogue import ROUTES
from observability.metrics.metric import Page
from tests.api.conftest import Api, Worker
from tests.api.test_cache import Site
from tests.api.test_scopes import calls
from tests.observability.metrics.scraped import Scrape, check_against_the_catalogue
from tests.redis_process import RedisProcess

MakeProcess = Callable[..., ApiProcess]


@pytest.fixture(scope="module")
def measured_process(make_process: MakeProcess) -> ApiProcess:
    """An application that has no requests but those of this module."""
    return make_process()


@pytest.fixture
def own(measured_process: ApiProcess, redis_url: str) -> Api:
    del redis_url
    return Api(measured_process.test_client())


def scrape(api: Api) -> Scrape:
    answer = api.get("/metrics")
    assert answer.status_code == 200, answer.text
    return Scrape(answer.text)


def test_it_needs_a_key_with_the_scope_admin(api: Api) -> None:
    assert api.client.get("/metrics").status_code == 401
    assert api.of("acme").get("/metrics").json["type"] == "/problems/missing-scope"
    assert api.of("acme", "admin").get("/metrics").status_code == 200
    assert api.send("HEAD", "/metrics").status_code == 200
    assert api.post("/metrics").status_code == 405


def test_a_process_alone_tells_all_that_the_catalogue_says(own: Api, measured_process: ApiProcess) -> None:
    measured_process.measuring.start()

    check_against_the_catalogue(scrape(own), Page.API)


def test_openmetrics_is_answered_to_who_asks_for_it(own: Api) -> None:
    own.get("/v1/jobs")
    answer = own.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name for family in open_families(answer.text)}  # type: ignore[no-untyped-call]
    assert {"inference_requests", "inference_request_duration_ms", "inference_queue_depth"} <= families


def test_every_part_of_the_api_is_a_route_of_the_catalogue(process: ApiProcess) -> None:
    parts = {rule.endpoint.partition(".")[0].lower() for rule in process.url_map.iter_rules() if "." in rule.endpoint}

    assert parts - UNCOUNTED <= set(ROUTES)
    assert len(list(calls(process))) > len(ROUTES)


def test_neither_scrapes_nor_supervisors_nor_readers_of_the_documentation_are_requests(own: Api) -> None:
    before = scrape(own).sum("inference_requests_total")
    for path in ("/metrics", "/health", "/health/live", "/health/ready", "/docs", "/docs/docs.js", "/openapi.json"):
        assert own.get(path).status_code == 200
    own.get("/v1/jobs")

    assert scrape(own).sum("inference_requests_total") == before + 1


def test_requests_that_were_refused_are_counted_by_what_there_was_too_much_of(
    make_process: MakeProcess, redis_url: str
) -> None:
    del redis_url
    api = Api(make_process({"RATE_LIMIT_RPM": "2", "RATE_LIMIT_AUTH_FAILURES": "1"}).test_client())
    theirs = api.of("acme")
    api.send("PUT", "/v1/admin/tenants/acme/limits", json={"concurrent_jobs": 1})
    for _ in range(2):
        theirs.post("/v1/jobs", {"input": {"prompt": "Hark!"}})
    for _ in range(3):
        api.post("/v1/jobs", {"input": {"prompt": "Hark!"}})
        api.client.get("/v1/jobs")

    page = scrape(api)
    hits = {sample.labels["limit"]: sample.value for sample in page.samples("rate_limit_hits_total")}
    assert hits == {"submit": 1, "address": 2, "quota": 1, "read": 0, "manage": 0, "queue": 0, "streams": 0}
    assert page.sum("inference_errors_4xx_total", route="jobs") == 1 + 1 + 3


def test_kept_results_that_are_asked_for_are_counted(
    measured_process: ApiProcess, worker: Worker, redis_client: Redis
) -> None:
    site = Site(measured_process, worker, redis_client)
    before = scrape(site.api)
    site.run_once()
    assert site.submit().json["cached"]
    site.submit(cache="bypass")

    after = scrape(site.api)
    for outcome in ("hits", "misses"):
        name = f"inference_cache_{outcome}_total"
        assert after.value(name) == before.value(name) + 1, outcome


def test_trips_are_those_of_all_processes(own: Api, redis_client: Redis) -> None:
    redis_client.set("frontier:circuit:trips", 3)
    redis_client.set("frontier:circuit:receiver:trips", 2)

    page = scrape(own)
    assert page.value("circuit_breaker_open_total", circuit="model") == 3
    assert page.value("circuit_breaker_open_total", circuit="receiver") == 2


def test_the_depth_of_a_queue_is_what_waits(own: Api, worker: Worker) -> None:
    first = own.submit(model="poet")
    own.submit(model="poet")
    worker.join(slots=1)
    worker.claim(first)

    assert scrape(own).value("inference_queue_depth", model="poet") == 1


def test_while_redis_is_away_the_rest_of_the_page_is_told(
    make_process: MakeProcess, redis_process: RedisProcess
) -> None:
    api = Api(make_process({"REDIS_URL": redis_process.url}).test_client())
    assert api.submit()
    redis_process.kill()
    assert api.post("/v1/jobs", {"input": {"prompt": "Hark!"}}).status_code == 503

    page = scrape(api)

    assert page.value("frontier_redis_up") == 0
    assert {"inference_queue_depth", "circuit_breaker_open_total"}.isdisjoint(page.families)
    assert page.value("inference_requests_total", route="jobs", method="POST", status="2xx") == 1
    assert page.value("inference_errors_5xx_total", route="jobs") == 1
    redis_process.start()
    assert scrape(api).value("frontier_redis_up") == 1


def test_a_redis_that_hangs_is_not_waited_for(make_process: MakeProcess, redis_process: RedisProcess) -> None:
    api = Api(make_process({"REDIS_URL": redis_process.url}).test_client())
    assert scrape(api).value("frontier_redis_up") == 1
    os.kill(redis_process.pid, signal.SIGSTOP)
    try:
        assert scrape(api).value("frontier_redis_up") == 0
    finally:
        os.kill(redis_process.pid, signal.SIGCONT)


def test_where_metrics_are_off_nothing_is_measured_and_nothing_is_told(
    make_process: MakeProcess, redis_url: str
) -> None:
    del redis_url
    process = make_process({"ENABLE_METRICS": "false"})
    api = Api(process.test_client())

    assert api.submit()
    assert api.get("/metrics").json["type"] == "/problems/not-found"
    assert process.measuring.measured is None


def test_the_port_of_metrics_is_another_than_that_of_the_api(make_process: MakeProcess) -> None:
    with pytest.raises(SettingError, match="METRICS_PORT: must be another port than PORT"):
        make_process({"PORT": "9464", "METRICS_PORT": "9464"})
