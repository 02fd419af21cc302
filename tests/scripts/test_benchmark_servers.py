from __future__ import annotations

from collections.abc import Iterator
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
from scripts.benchmark.scripted import MODEL, REQUEST, scripted_config
from scripts.benchmark.sections.latency import fill
from scripts.benchmark.sections.memory import bytes_per_job
from scripts.benchmark.submits import System, accepted_per_second

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
