"""Metrics of real processes: a worker's, a sender's and a runner's own pages, and what the API tells of the fleet."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from observability.metrics.api_catalogue import API_METRICS
from observability.metrics.metric import Page
from scripts.ports import free_port
from tests.api.gunicorn_process import GunicornProcess
from tests.observability.metrics.scraped import Scrape, check_against_the_catalogue
from tests.resilience.rude_server import OK, RudeServer, answers
from tests.system.batch_site import BatchSite, chat_line
from tests.system.small_site import SmallSite
from tests.system.test_sender import Post
from tests.system.worker_process import WorkerProcess, wait_for

CONFIG = """
models:
  m:
    engine: scripted
    slots: 4
    script: {tokens_per_second: %s}
"""
JOBS, TOKENS = 6, 10
PROMPT = "a prompt that no page tells"


def page_at(port: int) -> Scrape:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return Scrape(answer.read().decode())


def page_of(api: GunicornProcess) -> Scrape:
    answer = api.send("GET", "/metrics")
    assert answer.status == 200, answer.text
    return Scrape(answer.text)


def test_a_worker_s_page_and_the_api_s_tell_what_has_happened_and_forget_no_count(
    make_site: Callable[..., SmallSite],
) -> None:
    site, port = make_site(CONFIG % 50, FRONTIER_DISPATCH_GRACE_S="60"), free_port()
    made = site.api.send("POST", "/v1/admin/keys", {"tenant": "a-tenant-with-a-name", "scopes": ["jobs:write"]}).json
    site.worker.start(METRICS_PORT=str(port))
    ids = [site.submit(PROMPT, max_tokens=TOKENS) for _ in range(JOBS)]
    assert {site.final(job_id).state.value for job_id in ids} == {"succeeded"}
    wait_for(lambda: page_at(port).value("frontier_attempts_total", model="m", outcome="succeeded") == JOBS)
    own, fleet = page_at(port), page_of(site.api)

    check_against_the_catalogue(own, Page.WORKER)
    check_against_the_catalogue(fleet, Page.API, but=API_METRICS)
    for name in ("queue_wait", "time_to_first_token", "time_per_output_token", "attempt_duration", "time_to_result"):
        assert own.value(f"frontier_{name}_seconds_count", model="m") == JOBS, name
    assert own.value("frontier_completion_tokens_total", model="m") == JOBS * TOKENS
    assert own.value("frontier_wasted_tokens_total", model="m") == 0
    assert own.value("frontier_messages_received_total") == JOBS
    assert own.value("frontier_process_ready") == 1
    assert own.value("frontier_task_failures_total") == 0
    steps = own.value("frontier_batch_occupancy_ratio_count", model="m")
    assert JOBS * TOKENS / 4 <= steps <= JOBS * TOKENS
    assert own.value("frontier_batch_occupancy_ratio_sum", model="m") == pytest.approx(JOBS * TOKENS / 4)

    assert fleet.value("frontier_jobs_finished_total", model="m", state="succeeded") == JOBS
    assert (fleet.value("frontier_workers", model="m"), fleet.value("frontier_slots", model="m")) == (1, 4)
    assert fleet.value("frontier_circuit_state", model="m", state="closed") == 1
    assert fleet.value("inference_queue_depth", model="m") == 0
    assert fleet.value("frontier_work_seconds", model="m", state="waiting") == 0
    for page in (own, fleet):
        for hidden in ("a-tenant-with-a-name", made["id"], made["key"], *ids, PROMPT, "prompt that"):
            assert hidden not in page.text

    long = [site.submit(PROMPT, max_tokens=1000) for _ in range(8)]
    wait_for(lambda: page_of(site.api).value("frontier_slots_in_use", model="m") == 4)
    wait_for(lambda: page_of(site.api).value("inference_tokens_per_second", model="m") > 0)
    busy = page_of(site.api)
    assert busy.value("inference_active_batches", model="m") == 1
    assert busy.sum("frontier_jobs_waiting", model="m") + busy.value("frontier_jobs_dispatched", model="m") <= 4
    assert busy.value("frontier_work_seconds", model="m", state="running") > 0
    site.worker.signal(signal.SIGKILL)
    site.worker.wait()
    wait_for(lambda: page_of(site.api).value("frontier_workers", model="m") == 0)
    gone = page_of(site.api)
    for name in ("inference_tokens_per_second", "inference_active_batches", "frontier_slots", "frontier_slots_in_use"):
        assert gone.value(name, model="m") == 0, name
    assert not list(gone.samples("frontier_mean_batch_occupancy_ratio"))
    wait_for(lambda: page_of(site.api).value("frontier_jobs_running", model="m") == 0)

    for job_id in long:
        site.store.cancel("default", job_id)
    site.worker.start(METRICS_PORT=str(port))
    wait_for(lambda: page_of(site.api).value("frontier_workers", model="m") == 1)
    again = page_of(site.api)
    fallen = {
        (sample.name, *sample.labels.items())
        for family in fleet.families.values()
        if family.type == "counter"
        for sample in family.samples
        if again.value(sample.name, **sample.labels) < sample.value
    }
    assert not fallen
    assert again.value("frontier_jobs_finished_total", model="m", state="succeeded") == JOBS
    assert again.value("frontier_jobs_finished_total", model="m", state="cancelled") == 8
    rescued = again.value("frontier_jobs_rescued_total", model="m")
    assert rescued == again.value("frontier_leases_lost_total", model="m") >= 4


def test_a_taken_port_stops_the_start_and_is_named(redis_url: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        worker = WorkerProcess(redis_url, tmp_path, tokens_per_second=100, env={"METRICS_PORT": str(port)})
        worker.start()
        try:
            assert worker.wait() == 78
        finally:
            worker.stop()
    assert f"METRICS_PORT: port {port} of 127.0.0.1 cannot be listened on" in worker.log.read_text()


def test_a_sender_tells_its_attempts_and_how_late_they_were(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    with RudeServer(answers(OK)) as receiver:
        post = Post(tmp_path, redis_url, receiver)
        post.sender.start(METRICS_PORT=str(port))
        try:
            post.wait_until_delivered(post.end_job())
            wait_for(lambda: page_at(port).value("frontier_webhook_attempts_total", outcome="delivered") == 1)
            page = page_at(port)
        finally:
            post.sender.end()
    check_against_the_catalogue(page, Page.SENDER)
    assert page.value("frontier_delivery_lag_seconds_count") == 1
    assert str(receiver.port) not in page.text


def test_a_runner_tells_lines_and_parts(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    site = BatchSite(redis_url, tmp_path, tokens_per_second=1000)
    try:
        site.worker.start()
        site.runner.start(METRICS_PORT=str(port))
        batch_id = site.submit([chat_line(number) for number in range(5)])
        site.final(batch_id)
        wait_for(lambda: page_at(port).sum("frontier_batch_lines_total") == 5)
        page = page_at(port)
    finally:
        site.stop()
    check_against_the_catalogue(page, Page.RUNNER)
    assert page.value("frontier_batch_lines_total", outcome="completed") == 5
    assert page.value("frontier_batch_parts_total") >= 1
    assert batch_id not in page.text
