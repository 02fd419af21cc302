"""Limits over real processes: exact, whoever's clock is wrong, whoever dies, and when Redis goes away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs.store import JobStore
from tests.api.conftest import TOKEN
from tests.api.gunicorn_process import Answer, GunicornProcess
from tests.api.limited import remaining
from tests.redis_process import RedisProcess
from tests.system.small_site import SmallSite
from tests.system.worker_process import wait_for

LIMIT = 60
OF_AN_HOUR = {"RATE_LIMIT_RPM": "1", "RATE_LIMIT_WINDOW_SEC": "3600"}
"""Together the limit, in a window that no test outlasts."""

TURNED = "import time\ntrue = time.time\ntime.time = lambda: true() + 3600\n"
BODY = {"input": {"prompt": "Hark!"}}
CONFIG = """
models:
  m:
    engine: scripted
    script: {tokens_per_second: 1000}
"""

StartApi = Callable[..., GunicornProcess]


@pytest.fixture
def start_api(tmp_path: Path) -> Iterator[StartApi]:
    """Starts an API over a server."""
    config = tmp_path / "models.yaml"
    config.write_text(CONFIG)
    with ExitStack() as cleanup:

        def start(url: str, **env: str) -> GunicornProcess:
            own = {"REDIS_URL": url, "TRUTHGPT_CONFIG": str(config), **OF_AN_HOUR, **env}
            log = tmp_path / f"api-{len(list(tmp_path.glob('*.log')))}.log"
            api = GunicornProcess(own, log)
            cleanup.callback(api.close)
            return api

        yield start


@pytest.fixture
def store(redis_client: Redis) -> JobStore:
    return JobStore(redis_client)


def submit(api: GunicornProcess, **headers: Any) -> Answer:
    return api.send("POST", "/v1/jobs", BODY, **headers)


def left(api: GunicornProcess) -> int:
    """Of what may be submitted."""
    windows: Any = api.send("GET", "/v1/limits").json["classes"][0]["windows"]
    return int(windows[0]["remaining"])


def test_of_sixteen_threads_at_four_processes_exactly_as_many_get_in_whatever_their_clocks_say(
    redis_url: str, store: JobStore, start_api: StartApi, tmp_path: Path
) -> None:
    (tmp_path / "turned").mkdir()
    (tmp_path / "turned" / "sitecustomize.py").write_text(TURNED)
    apis = [start_api(redis_url, API_WORKERS="2")]
    apis.append(start_api(redis_url, API_WORKERS="2", PYTHONPATH=str(tmp_path / "turned")))

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda number: submit(apis[number % 2]), range(LIMIT + 36)))

    assert Counter(answer.status for answer in answers) == {202: LIMIT, 429: 36}
    lefts = sorted(remaining(answer)["submit"] for answer in answers if answer.status == 202)
    assert lefts == list(range(LIMIT)), "each was told another number"
    assert len(store.list("default", limit=100).jobs) == LIMIT


def test_while_redis_is_away_no_answer_is_500_and_afterwards_the_windows_begin_anew(
    redis_process: RedisProcess, start_api: StartApi
) -> None:
    api = start_api(redis_process.url, RATE_LIMIT_NODES="10")
    assert [submit(api).status for _ in range(LIMIT + 1)] == [202] * LIMIT + [429]

    redis_process.kill()
    reads = [api.send("GET", "/v1/models") for _ in range(LIMIT + 1)]
    submits = [submit(api) for _ in range(3)]
    lists = [api.send("GET", "/v1/jobs") for _ in range(3)]

    assert [one.status for one in reads] == [200] * LIMIT + [429], "a tenth of ten times as many"
    assert [(one.status, one.json["type"]) for one in submits] == [(503, "/problems/store-unavailable")] * 3
    assert {one.status for one in lists} == {429}
    assert all(int(one.headers["Retry-After"]) >= 1 for one in (reads[-1], *submits, *lists))

    redis_process.start()
    wait_for(lambda: submit(api).status == 202, 60)
    assert left(api) > LIMIT - 10
    assert api.send("GET", "/v1/limits").json["is_local"] is False


def test_an_api_killed_between_limit_and_record_has_counted_and_made_no_job_and_the_retry_makes_one(
    redis_url: str, store: JobStore, start_api: StartApi
) -> None:
    doomed = start_api(redis_url, FRONTIER_FAILPOINTS="api.before_record=kill")
    with pytest.raises((RemoteDisconnected, ConnectionError)):
        submit(doomed, Idempotency_Key="k")
    api = start_api(redis_url)

    assert (left(api), store.list("default").jobs) == (LIMIT - 1, [])
    retry = submit(api, Idempotency_Key="k")
    assert (retry.status, remaining(retry)) == (202, {"submit": LIMIT - 2}), "what was counted stays counted"
    again = submit(api, Idempotency_Key="k")
    assert (again.json["id"], remaining(again)) == (retry.json["id"], {"submit": LIMIT - 2})
    assert [job.id for job in store.list("default").jobs] == [retry.json["id"]]


def test_addresses_are_shut_out_of_every_process(redis_url: str, start_api: StartApi) -> None:
    api = start_api(redis_url, API_WORKERS="2", RATE_LIMIT_AUTH_FAILURES="5")
    statuses = [api.send("GET", "/v1/models", Authorization="Bearer none").status for _ in range(30)]

    assert statuses == [401] * 5 + [429] * 25
    assert api.send("GET", "/v1/models").status == 200


def test_a_bulk_run_gets_through_a_small_limit(make_site: Callable[..., SmallSite], tmp_path: Path) -> None:
    site = make_site(CONFIG, RATE_LIMIT_RPM="120", RATE_LIMIT_WINDOW_SEC="2")
    site.worker.start()
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"prompt": f"line {n}"}) + "\n" for n in range(12)))
    url = f"http://127.0.0.1:{site.api.port}"
    command = ("bulk", str(source), "-o", str(target), "--max-tokens", "3")
    env = os.environ | {"FRONTIER_URL": url, "TRUTHGPT_API_TOKEN": TOKEN}
    bulk = subprocess.run(
        [sys.executable, "-m", "scripts.cli", *command], env=env, capture_output=True, text=True, check=False
    )

    assert bulk.returncode == 0, bulk.stderr
    results = [json.loads(line) for line in target.read_text().splitlines()]
    assert {one["status"] for one in results} == {"succeeded"}
    assert len(results) == 12
    refused = site.api.send("GET", "/v1/limits").json["statistics"]["submit"]["refused"]
    assert refused > 0, "it never met the limit"
