"""One line for each request, which tells what it was and nothing that was sent."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from api.process import ApiProcess
from jobs.keys import Keys
from jobs.log_key import find_log_key
from jobs.store import JobStore
from observability.log_settings import LogSettings
from observability.logs import configure_logging
from observability.tenant_hash import hash_tenants_with, tenant_hash
from tests.api.conftest import Api, Worker
from tests.api.gunicorn_process import GunicornProcess
from tests.api.test_following import emit, finish
from tests.api.test_streams_served import start_server
from tests.system.worker_process import wait_for

__all__ = ["start_server"]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def done(response: Any) -> Any:
    """The response, once the server has nothing more to do with it."""
    response.get_data()
    response.close()
    return response


def requests_in(text: str) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [entry for entry in entries if entry["event"] == "request"]


def test_a_request_is_one_line_with_its_route_and_whose_it_is(api: Api, log: io.StringIO) -> None:
    job_id = api.of("acme").submit("O Romeo")
    acme = api.of("acme")
    traced = f"00-{TRACE}-00f067aa0ba902b7-01"
    done(acme.get(f"/v1/jobs/{job_id}?canary=O+Romeo", x_request_id="mine", traceparent=traced))

    [line] = requests_in(log.getvalue())
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/jobs/<job_id>", 200)
    assert (line["request_id"], line["trace_id"], line["tenant_hash"]) == ("mine", TRACE, tenant_hash("acme"))
    assert line["key_id"] == f"key_{acme.key.split('_')[2]}"
    assert line["bytes"] > 0
    assert 0 <= line["latency_ms"] <= line["duration_ms"]
    assert "Romeo" not in log.getvalue()
    assert job_id not in json.dumps(line)


def test_what_a_view_logs_names_the_request_and_the_next_request_is_another(api: Api, log: io.StringIO) -> None:
    done(api.post("/v1/jobs", {"input": {"prompt": "Hark!"}}, x_request_id="first"))
    done(api.get("/v1/jobs", x_request_id="second"))

    entries = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [(entry["event"], entry["request_id"]) for entry in entries]
    assert told == [("job_accepted", "first"), ("request", "first"), ("request", "second")]
    assert {entry["tenant_hash"] for entry in entries} == {tenant_hash("default")}


@pytest.mark.parametrize(
    ("asked", "route", "status"),
    [
        (("GET", "/v1/O-Romeo?O=Romeo"), "none", 404),
        (("GET", "/v1/jobs/O-Romeo"), "/v1/jobs/<job_id>", 404),
        (("DELETE", "/v1/jobs?x=O-Romeo"), "none", 405),
        (("O-ROMEO", "/v1/jobs"), "none", 405),
    ],
)
def test_neither_path_nor_method_is_told_as_it_was_sent(
    api: Api, log: io.StringIO, asked: tuple[str, str], route: str, status: int
) -> None:
    done(api.send(*asked))

    [line] = requests_in(log.getvalue())
    assert (line["route"], line["status"]) == (route, status)
    assert "romeo" not in log.getvalue().lower()


def test_without_a_valid_key_nothing_is_told_of_a_caller(process: ApiProcess, log: io.StringIO) -> None:
    done(process.test_client().get("/v1/jobs", headers={"Authorization": "Bearer O-Romeo"}))

    [line] = requests_in(log.getvalue())
    assert line["status"] == 401
    assert {"tenant_hash", "key_id"}.isdisjoint(line)
    assert "O-Romeo" not in log.getvalue()


def test_looks_at_the_health_are_told_at_debug_alone(api: Api, log: io.StringIO) -> None:
    done(api.get("/health"))
    assert requests_in(log.getvalue()) == []
    configure_logging(log, LogSettings(level="DEBUG"))
    done(api.get("/health/live"))
    done(api.get("/v1/jobs"))
    configure_logging(log)

    assert [(line["route"], line["level"]) for line in requests_in(log.getvalue())] == [
        ("/health/live", "DEBUG"),
        ("/v1/jobs", "INFO"),
    ]


def test_all_processes_of_a_deployment_find_one_key_and_another_deployment_has_another(redis_client: Redis) -> None:
    keys = Keys()
    first = find_log_key(redis_client, keys)

    assert find_log_key(redis_client, keys) == first
    assert find_log_key(redis_client, Keys("other:")) != first
    assert len(first) == 32


def test_a_stream_is_told_when_it_ends_with_its_length_also_when_its_reader_leaves(
    start_server: Callable[..., GunicornProcess], redis_client: Redis, store: JobStore, worker: Worker, tmp_path: Any
) -> None:
    server: GunicornProcess = start_server()
    job_id = server.send("POST", "/v1/jobs", {"model": "poet", "input": {"prompt": "Hark!"}}).json["id"]
    route = "/v1/jobs/<job_id>/events"

    def lines() -> list[dict[str, Any]]:
        return [line for line in requests_in((tmp_path / "log").read_text()) if line["route"] == route]

    connection = server.begin(f"GET /v1/jobs/{job_id}/events HTTP/1.1")
    assert b"snapshot" in connection.recv(65536) + connection.recv(65536)
    assert lines() == []
    connection.close()
    wait_for(lambda: len(lines()) == 1)
    [cut] = lines()
    assert cut["bytes"] > 0
    lease = worker.claim(job_id)
    emit(store, lease, 0, [" Who", " knocks?"])
    finish(worker, lease, [" Who", " knocks?"])
    whole = server.send("GET", f"/v1/jobs/{job_id}/events")
    wait_for(lambda: len(lines()) == 2)
    line = lines()[1]
    assert (line["status"], line["bytes"]) == (200, len(whole.text.encode()))
    hash_tenants_with(find_log_key(redis_client, Keys()))
    assert line["tenant_hash"] == tenant_hash("default")
