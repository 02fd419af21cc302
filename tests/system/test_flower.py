"""`frontier up --flower`: Flower itself looks on at real jobs."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from scripts import paths
from scripts.flower_page import USER
from scripts.generation import Generation
from scripts.ports import free_port
from tests.system.up_process import DEADLINE_SECONDS, UpProcess
from tests.system.worker_process import wait_for

CONFIG = "models: {echo: {engine: scripted}}"
PROMPT = "Speak the speech, I pray you"
JOBS = 20
PAGES = ("/", "/tasks", "/api/tasks", "/api/workers", "/metrics", "/healthcheck", "/task/job_1", "/broker")


class Looker:
    """Somebody who knows Flower's password, or another one."""

    def __init__(self, port: int, password: str) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._auth = (USER, password)

    def get(self, path: str) -> requests.Response:
        return requests.get(self._url + path, auth=self._auth, timeout=DEADLINE_SECONDS)

    def tasks(self) -> dict[str, Any]:
        """What Flower has heard of tasks; nothing while it does not answer."""
        try:
            told: dict[str, Any] = self.get("/api/tasks").json()
        except requests.RequestException:
            return {}
        return told


@pytest.fixture
def flower_port() -> int:
    return free_port()


@pytest.fixture
def up(tmp_path: Path, server_binary: Path, flower_port: int) -> Iterator[UpProcess]:  # noqa: ARG001 - skips where there is none
    if find_spec("flower") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("the extra `flower` is not installed")
        pytest.skip("the extra `flower` is not installed")
    config = tmp_path / "models.yaml"
    config.write_text(CONFIG)
    up = UpProcess(
        tmp_path / "data",
        config,
        "--flower",
        "--flower-port",
        str(flower_port),
        env={"FLOWER_UNAUTHENTICATED_API": "true"},
    )
    yield up
    up.close()


def run_job(up: UpProcess) -> str:
    body = Generation(chat=False, model="echo", max_tokens=8).body(PROMPT)
    job = up.client.submit(body, idempotency_key=uuid.uuid4().hex)
    return up.client.wait(job.id, seconds=DEADLINE_SECONDS).id


def test_flower_shows_each_job_as_a_task_by_its_id_and_answer_alone_and_only_to_who_knows_the_password(
    up: UpProcess, flower_port: int
) -> None:
    up.read_until(f"Flower +http://127.0.0.1:{flower_port}", "echo is ready")
    file = paths.flower_password_file(up.data_dir)
    password = file.read_text(encoding="ascii").strip()
    looker = Looker(flower_port, password)
    ids: list[str] = []

    def is_told() -> bool:
        """Flower hears only of what happens once it listens."""
        ids.append(run_job(up))
        return any(told.get("state") == "SUCCESS" for told in looker.tasks().values())

    wait_for(is_told, DEADLINE_SECONDS)
    later = {run_job(up) for _ in range(JOBS)}
    wait_for(lambda: later <= {job_id for job_id, told in looker.tasks().items() if told["state"] == "SUCCESS"})
    tasks = looker.tasks()
    ended = {job_id: told for job_id, told in tasks.items() if told["state"] == "SUCCESS"}
    page = looker.get(f"/task/{next(iter(ended))}")

    assert set(tasks) <= later.union(ids)
    assert {told["name"] for told in tasks.values()} == {"frontier.attempt"}
    assert {(told["args"], told["result"]) for told in ended.values()} == {
        (f"('{job_id}',)", "'ok: succeeded'") for job_id in ended
    }
    assert page.status_code == 200
    assert "ok: succeeded" in page.text
    assert PROMPT not in page.text + looker.get("/api/tasks").text

    other = Looker(flower_port, f"not {password}")
    for path in PAGES:
        assert requests.get(f"http://127.0.0.1:{flower_port}{path}", timeout=DEADLINE_SECONDS).status_code == 401, path
        assert other.get(path).status_code == 401, path
    refused = requests.post(
        f"http://127.0.0.1:{flower_port}/api/worker/shutdown/echo-1", auth=(USER, password), timeout=DEADLINE_SECONDS
    )
    assert refused.status_code in (403, 405)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    flower = psutil.Process(up.child("flower"))
    assert {conn.laddr.ip for conn in flower.net_connections("tcp") if conn.status == psutil.CONN_LISTEN} == {
        "127.0.0.1"
    }
    assert password not in " ".join(flower.cmdline())
    assert "TRUTHGPT_API_TOKEN" not in flower.environ()

    flower.send_signal(signal.SIGKILL)
    up.read_until("flower was ended by SIGKILL after .* and starts again")
    wait_for(lambda: up.children().get("flower") not in (None, flower.pid), DEADLINE_SECONDS)
    up.send(signal.SIGTERM)
    assert up.read_to_the_end() == 0
    assert up.survivors() == []


def test_where_flower_is_not_installed_up_says_in_one_line_what_brings_it(tmp_path: Path) -> None:
    without = "import sys; sys.modules['flower'] = None; from scripts.cli import main; main()"
    command = [sys.executable, "-c", without, "up", "--flower", "--data-dir", str(tmp_path), "--port", str(free_port())]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
    assert ran.returncode == 1
    assert ran.stderr == "Error: Flower is not installed; `pip install 'frontier[flower]'` brings it.\n"
