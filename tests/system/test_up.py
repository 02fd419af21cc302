"""`frontier up`: real processes, and real faults done to them."""

from __future__ import annotations

import json
import os
import signal
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
import requests
from standardwebhooks.webhooks import Webhook

from jobs.probe_stamp import ProbeStamp
from scripts import paths
from scripts.generation import Generation
from scripts.job_view import JobView
from tests.resilience.rude_server import OK, RudeServer, answers
from tests.system.up_process import DEADLINE_SECONDS, UpProcess
from tests.system.worker_process import wait_for

CONFIG = """
models:
  echo:
    engine: scripted
  unfinished:
    path: ./nowhere
"""

CHILDREN = ("api", "batches", "echo-1", "redis", "webhooks")

StartUp = Callable[..., UpProcess]


@pytest.fixture
def start_up(tmp_path: Path, server_binary: Path) -> Iterator[StartUp]:  # noqa: ARG001 - skips where there is none
    config = tmp_path / "models.yaml"
    config.write_text(CONFIG)
    with ExitStack() as cleanup:

        def start(*options: str, port: int | None = None, **env: str) -> UpProcess:
            up = UpProcess(tmp_path / "data", config, *options, port=port, env=env)
            cleanup.callback(up.close)
            return up

        yield start


def run_job(up: UpProcess, prompt: str) -> JobView:
    body = Generation(chat=False, model="echo", max_tokens=8).body(prompt)
    job = up.client.submit(body, idempotency_key=uuid.uuid4().hex)
    return up.client.wait(job.id, seconds=DEADLINE_SECONDS)


def is_proven(up: UpProcess, name: str) -> bool:
    """Whether a message that it has sent to itself has come."""
    stamp = ProbeStamp.read(paths.probe_file(up.data_dir, name))
    return stamp is not None and stamp.proven_at is not None


def wait_for_another(up: UpProcess, name: str, killed: int) -> None:
    wait_for(lambda: up.children().get(name) not in (None, killed), DEADLINE_SECONDS)


def test_everything_starts_runs_a_job_and_ends_on_sigterm(start_up: StartUp) -> None:
    up = start_up("--model", "echo", "--hello", "O Romeo,")
    up.read_until("API +http://127.0.0.1:")
    up.read_until("echo is ready")
    up.read_until("O Romeo, O Romeo,", "time to result")
    for name in ("echo-1", "webhooks", "batches"):
        wait_for(lambda name=name: is_proven(up, name), DEADLINE_SECONDS)  # type: ignore[misc]
    running = paths.read_running(up.data_dir)
    assert running is not None
    assert running.metrics.keys() == {"echo-1", "webhooks", "batches"}
    with urlopen(running.metrics["echo-1"]) as page:
        assert b'frontier_attempts_total{model="echo",outcome="succeeded"} 1.0' in page.read()
    up.send(signal.SIGTERM)
    assert up.read_to_the_end() == 0
    assert up.survivors() == []
    assert paths.read_address(up.data_dir) is None


def test_the_link_that_is_printed_logs_in_to_the_console_once(start_up: StartUp) -> None:
    up = start_up("--no-worker")
    [link] = up.read_until(r"http://127\.0\.0\.1:\d+/login#login_[\w-]{43}")
    address, _, code = link.partition("#")
    origin = address.removesuffix("/login")
    with requests.Session() as browser:
        first = browser.post(address, {"key": code}, headers={"Origin": origin})
    again = requests.post(address, {"key": code}, headers={"Origin": origin}, timeout=DEADLINE_SECONDS)

    assert (first.status_code, first.url) == (200, f"{origin}/")
    assert "Log out" in first.text
    assert again.status_code == 401


def test_without_a_console_no_link_is_printed(start_up: StartUp) -> None:
    up = start_up("--no-worker", ENABLE_CONSOLE="false")
    up.read_until("The API is ready")
    up.send(signal.SIGTERM)
    up.read_to_the_end()

    assert "login" not in up.output


def test_a_killed_worker_api_or_server_is_started_again_and_jobs_go_on(start_up: StartUp) -> None:
    up = start_up("--model", "echo")
    up.read_until("echo is ready")
    for name in ("echo-1", "webhooks", "batches", "api", "redis"):
        killed = up.child(name)
        os.kill(killed, signal.SIGKILL)
        up.read_until(f"{name} was ended by SIGKILL after .* and starts again")
        assert run_job(up, f"after the kill of {name}").succeeded
        wait_for_another(up, name, killed)


@pytest.mark.long
def test_a_killed_runner_s_batches_go_on_though_their_leases_hold(start_up: StartUp, tmp_path: Path) -> None:
    up = start_up("--model", "echo", FRONTIER_LEASE_S=str(3 * DEADLINE_SECONDS))
    up.read_until("echo is ready")
    up.client.change_mode("echo", "pause")
    lines = tmp_path / "lines.jsonl"
    body = {"model": "echo", "prompt": "Once", "max_tokens": 2}
    lines.write_text(json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": body}))
    batches = up.client.batches
    file_id = batches.upload(lines, name="lines.jsonl")
    batch = batches.make(file_id, endpoint="/v1/completions", window="24h", metadata={}, idempotency_key="once")
    wait_for(lambda: batches.find(batch.id).status == "in_progress", DEADLINE_SECONDS)

    os.kill(up.child("batches"), signal.SIGKILL)

    up.read_until("1 of its batches went back into the queue")
    up.client.change_mode("echo", "resume")
    wait_for(lambda: batches.find(batch.id).status == "completed", DEADLINE_SECONDS)


def test_when_up_itself_is_killed_nothing_is_left_and_the_jobs_are_there_at_the_next_start(start_up: StartUp) -> None:
    first = start_up("--model", "echo")
    first.read_until("echo is ready")
    job = run_job(first, "before the kill")
    first.send(signal.SIGKILL)

    second = start_up("--no-worker")
    second.read_until("The API is ready")
    assert first.survivors() == []
    assert second.client.job(job.id).text == job.text


def test_the_sender_shares_a_key_with_the_api_and_what_is_open_for_development_is_told(start_up: StartUp) -> None:
    up = start_up("--model", "echo", WEBHOOK_ALLOW_CIDRS="127.0.0.0/8")
    up.read_until("webhooks +open for development: WEBHOOK_ALLOW_CIDRS=127.0.0.0/8", "The API is ready")
    key = paths.read_secret_key(up.data_dir)
    assert key is not None
    keys = {name: psutil.Process(up.child(name)).environ().get("FRONTIER_SECRET_KEY") for name in CHILDREN}
    assert keys == {"api": key, "webhooks": key, "batches": None, "echo-1": None, "redis": None}


def test_the_api_and_the_runner_keep_files_in_the_folder_of_the_deployment(start_up: StartUp) -> None:
    up = start_up("--model", "echo")
    up.read_until("echo is ready")
    places = {name: psutil.Process(up.child(name)).environ().get("FILES_URL") for name in ("api", "batches")}

    assert set(places.values()) == {f"file://{up.data_dir}/files"}


def test_the_end_of_a_job_is_delivered_with_its_result_to_an_endpoint_and_to_its_own_webhook(start_up: StartUp) -> None:
    with RudeServer(answers(OK)) as receiver:
        up = start_up("--model", "echo", WEBHOOK_ALLOW_CIDRS="127.0.0.0/8")
        up.read_until("echo is ready")
        url = f"http://127.0.0.1:{receiver.port}"
        endpoint = up.client.endpoints.make("standing", f"{url}/standing", ["job.succeeded"])
        body = Generation(chat=False, model="echo", max_tokens=8).body("Tell me")
        webhook = {"url": f"{url}/own", "include": ["result"]}
        job = up.client.submit({**body, "webhook": webhook}, idempotency_key="told")
        wait_for(lambda: len(receiver.requests) == 2, DEADLINE_SECONDS)
    told = {request.split()[1].decode(): request.partition(b"\r\n\r\n") for request in receiver.requests}
    own, standing = json.loads(told["/own"][2]), json.loads(told["/standing"][2])
    assert (own["id"], own["type"], own["data"]["id"]) == (standing["id"], "job.succeeded", job.id)
    assert own["data"]["result"]["text"] == up.client.job(job.id).text
    lines = [line.decode().partition(": ") for line in told["/standing"][0].split(b"\r\n")[1:]]
    Webhook(endpoint["signing_secret"]).verify(told["/standing"][2], {name.lower(): value for name, _, value in lines})


def test_without_workers_nothing_is_sent(start_up: StartUp) -> None:
    up = start_up("--no-worker")
    up.read_until("The API is ready")
    assert set(up.children()) == {"api", "redis"}
    assert "open for development" not in up.output


def test_a_model_without_weights_is_explained_while_the_api_accepts_jobs(start_up: StartUp) -> None:
    up = start_up("--model", "unfinished")
    up.read_until("unfinished-1 cannot start: .*nowhere", "jobs are still accepted", "The API is ready")
    body = Generation(chat=False, model="unfinished").body("Is anybody there?")
    assert not up.client.submit(body, idempotency_key="early").is_final


def test_a_taken_port_is_told_in_one_line(start_up: StartUp) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        up = start_up(port=other.getsockname()[1])
        assert up.read_to_the_end() == 1
    assert up.output.startswith(f"Error: Port {up.port} is taken")
    assert "--port" in up.output
    assert up.output.count("\n") == 1


def test_a_folder_that_another_system_uses_is_told_in_one_line(start_up: StartUp) -> None:
    first = start_up("--no-worker")
    first.read_until("The API is ready")
    second = start_up("--no-worker")
    assert second.read_to_the_end() == 1
    assert second.output.startswith("Error: Another `frontier up` (process ")
    assert second.output.count("\n") == 1


def test_a_model_that_is_not_configured_is_refused_with_those_that_are(start_up: StartUp) -> None:
    up = start_up("--model", "hal")
    assert up.read_to_the_end() == 1
    assert up.output == "Error: There is no model 'hal' in the configuration; there is echo, unfinished.\n"
