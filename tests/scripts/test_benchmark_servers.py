from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import psutil
import pytest

from jobs.connection import connect
from jobs.store import JobStore
from scripts.benchmark import servers
from scripts.benchmark.busy import through_queue
from scripts.benchmark.client import Client
from scripts.benchmark.contest.load import Request
from scripts.benchmark.crowd import crowd
from scripts.benchmark.scripted import MODEL, REQUEST, scripted_config
from scripts.benchmark.sections.latency import fill
from scripts.benchmark.sections.memory import bytes_per_job
from scripts.benchmark.submits import System, accepted_per_second
from scripts.processes import is_running

pytestmark = pytest.mark.usefixtures("server_binary")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, psutil.Process]]:
    """A whole system with a scripted engine."""
    folder = tmp_path_factory.mktemp("system")
    config = scripted_config(folder)
    with (
        servers.redis(folder / "redis") as redis_url,
        servers.api(folder, redis_url=redis_url, config=config) as client,
        servers.worker(folder, redis_url=redis_url, config=config) as worker,
    ):
        yield client, worker


def test_a_job_is_accepted_and_its_result_awaited(system: tuple[Client, psutil.Process]) -> None:
    client, _ = system
    job = client.submit(REQUEST)
    assert client.result(job)["result"]["text"] == "Yes."


def test_an_answer_that_is_no_job_is_an_error(system: tuple[Client, psutil.Process]) -> None:
    client, _ = system
    with pytest.raises(RuntimeError, match="404"):
        client.result({"id": "job_unknown", "status": "queued"})


def test_connections_are_used_again_by_other_threads(system: tuple[Client, psutil.Process]) -> None:
    client, _ = system
    for _ in range(3):
        crowd([REQUEST] * 8, client.submit, clients=4)
    established = [
        connection
        for connection in psutil.Process().net_connections("tcp")
        if connection.raddr[-1:] == (client.port,) and connection.status == psutil.CONN_ESTABLISHED
    ]
    assert 1 <= len(established) <= 4


def test_a_job_that_nobody_runs_is_not_awaited_for_ever(tmp_path: Path, redis_url: str) -> None:
    with (
        servers.api(tmp_path, redis_url=redis_url, config=scripted_config(tmp_path)) as patient,
        closing(Client(port=patient.port, token=servers.TOKEN, patience_seconds=0.5)) as client,
    ):
        job = client.submit(REQUEST)
        with pytest.raises(TimeoutError, match=f"{job['id']} was still queued"):
            client.result(job)


def test_servers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    parent = (
        "import pathlib, sys, time; sys.path.insert(0, '.')\n"
        "import psutil; from scripts.benchmark import servers\n"
        f"with servers.redis(pathlib.Path({str(tmp_path / 'redis')!r})):\n"
        "    print(*(child.pid for child in psutil.Process().children()), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        process.kill()
    assert len(pids) == 2  # the server and its guardian
    give_up_at = time.monotonic() + 120
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < give_up_at


def test_what_a_queue_passes_on_is_counted(system: tuple[Client, psutil.Process]) -> None:
    client, worker = system
    requests = [Request(prompt=f"word {number}", prompt_ids=(1,), completion_tokens=4) for number in range(12)]
    ran = through_queue(client, worker, requests, model=MODEL, slots=2)
    assert ran.texts == ("Yes." * 4,) * 12
    assert ran.per_second > 0
    assert ran.per_cpu_second > 0


def test_jobs_recorded_directly_wait_in_the_queue(redis_url: str) -> None:
    fill(redis_url, 30)
    with connect(redis_url) as client:
        assert JobStore(client).queue(MODEL, "default").waiting == 30


def test_every_job_adds_to_the_memory(redis_url: str) -> None:
    with connect(redis_url) as client:
        assert bytes_per_job(client, jobs=300, random=Random(0)) > 500


def test_every_system_accepts_jobs_with_settings_of_its_own(tmp_path: Path) -> None:
    rates = accepted_per_second(
        tmp_path, scripted_config(tmp_path), {"strict": System(durability="strict")}, REQUEST, rounds=2, jobs=20
    )
    assert len(rates["strict"]) == 2
    assert all(rate > 0 for rate in rates["strict"])
