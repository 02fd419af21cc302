"""What nobody may read in a log: a whole deployment at DEBUG is given it in every place, and its logs are searched."""

from __future__ import annotations

import json
import os
import signal
import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts import paths
from tests.resilience.rude_server import OK, RudeServer
from tests.system.up_process import DEADLINE_SECONDS, UpProcess
from tests.system.worker_process import wait_for

PROMPT = "canary-of-a-prompt"
REPLY = "canary-of-a-completion"
HANG = "canary-that-hangs"
SENT = "canary-of-a-stranger"
PATH = "canary-of-a-path"
REPEATED = "canary-of-an-idempotency-key"
TENANT = "canary-tenant"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
BROKEN = b"HTTP/1.1 500 No\r\nContent-Length: 20\r\n\r\ncanary-of-a-receiver"
CONFIG = f"""
models:
  echo:
    engine: scripted
    script: {{reply: {REPLY}, hang_on: {HANG}}}
"""


class Site:
    """A deployment, a tenant of it, and receivers of webhooks that accept and that fail."""

    def __init__(self, up: UpProcess, good: RudeServer, bad: RudeServer) -> None:
        self.up = up
        self.good = good
        self.bad = bad
        self._url = f"http://127.0.0.1:{up.port}"
        self.operator = str(paths.read_token(up.data_dir))
        scopes = ["jobs:write", "jobs:read", "webhooks:manage"]
        self.key = self.operator
        self.key = self.send("POST", "/v1/admin/keys", {"tenant": TENANT, "scopes": scopes}).json()["key"]

    def url(self, path: str) -> str:
        return self._url + path

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        named = {"Authorization": f"Bearer {self.key}"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        return requests.request(method, self._url + path, json=body, headers=named, timeout=DEADLINE_SECONDS)

    def submit(self, prompt: str, **members: Any) -> str:
        answer = self.send(
            "POST",
            "/v1/jobs",
            {
                "type": "completion",
                "model": "echo",
                "input": {"prompt": prompt},
                "params": {"max_tokens": 4},
                **members,
            },
            idempotency_key=f"{REPEATED}-{uuid.uuid4().hex}",
            traceparent=f"00-{TRACE}-00f067aa0ba902b7-01",
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def wait_for_end(self, job_id: str) -> None:
        wait_for(
            lambda: self.send("GET", f"/v1/jobs/{job_id}").json()["status"] in {"succeeded", "failed", "cancelled"}
        )

    def hostile(self) -> None:
        """What strangers send, in the path, the query, the headers and the body."""
        for path in (f"/{SENT}", f"/v1/jobs?after={SENT}", f"/v1/jobs/{SENT}", f"/health?{SENT}"):
            self.send("GET", path, x_request_id=f"<{SENT}>")
        self.send("POST", "/v1/jobs", {SENT: SENT, "input": {"prompt": [SENT]}})
        self.send("POST", "/v1/chat/completions", {"model": SENT, "messages": [{"role": SENT, "content": SENT}]})
        requests.get(f"{self._url}/v1/jobs", headers={"Authorization": f"Bearer {SENT}"}, timeout=DEADLINE_SECONDS)
        with socket.create_connection(("127.0.0.1", self.up.port)) as connection:
            connection.sendall(f"GET /{SENT} HTTP/1.1\r\nHost: x\r\n{SENT}\x00: {SENT}\r\n\r\n".encode())
            with suppress(OSError):
                connection.recv(65536)

    def logged(self) -> str:
        return "\n".join(file.read_text() for file in sorted((self.up.data_dir / "logs").iterdir()))

    def entries(self) -> list[dict[str, Any]]:
        lines = [line for line in self.logged().splitlines() if line.startswith("{")]
        return [json.loads(line) for line in lines]


@pytest.fixture
def site(tmp_path: Path, server_binary: Path) -> Iterator[Site]:  # noqa: ARG001 - skips where there is none
    config = tmp_path / "models.yaml"
    config.write_text(CONFIG)
    with ExitStack() as cleanup:
        good = cleanup.enter_context(RudeServer(lambda connection: connection.sendall(OK)))
        bad = cleanup.enter_context(RudeServer(lambda connection: connection.sendall(BROKEN)))
        env = {
            "LOG_LEVEL": "DEBUG",
            "FORCE_COLOR": "1",
            "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
            "WEBHOOK_SCHEDULE": "0",
            "FRONTIER_WATCHDOG_S": "1",
        }
        up = UpProcess(tmp_path / "data", config, env=env)
        cleanup.callback(up.close)
        up.read_until("echo is ready")
        yield Site(up, good, bad)


def test_no_line_of_any_process_tells_what_passes_through_it_and_each_says_what_it_is_about(site: Site) -> None:
    secrets = [
        site.send(
            "POST",
            "/v1/webhook_endpoints",
            {"name": "in", "url": f"http://127.0.0.1:{port}/{PATH}?{PATH}", "event_types": ["job.succeeded"]},
        ).json()["signing_secret"]
        for port in (site.good.port, site.bad.port)
    ]
    whole = site.submit(PROMPT, webhook={"url": f"http://127.0.0.1:{site.good.port}/{PATH}"})
    site.wait_for_end(whole)
    read = site.send("GET", f"/v1/jobs/{whole}/events")
    assert REPLY in read.text.replace(" ", ""), "the canary sings where it may"
    site.send("POST", "/v1/infer", {"model": "echo", "prompt": PROMPT})
    site.up.read_until("attempt_finished")  # as who watches on a terminal is told
    site.hostile()
    visitor = requests.Session()
    visitor.headers["Origin"] = site.url("")
    visitor.post(site.url("/login"), data={"key": site.key}, allow_redirects=False, timeout=DEADLINE_SECONDS)
    visitor.get(site.url("/jobs"), timeout=DEADLINE_SECONDS).raise_for_status()
    [session] = visitor.cookies.values()
    wait_for(lambda: bool(site.good.requests) and bool(site.bad.requests), tell=site.logged)
    hangs = site.submit(f"{PROMPT} {HANG}")
    site.up.read_until("echo-1 ended with code 70")
    site.send("POST", f"/v1/jobs/{hangs}/cancel")
    site.wait_for_end(hangs)
    os.kill(site.up.child("api"), signal.SIGKILL)
    site.up.read_until("api was ended by SIGKILL")
    site.up.send(signal.SIGTERM)
    assert site.up.read_to_the_end() == 0

    logged = site.logged() + site.up.output
    canaries = [PROMPT, REPLY, HANG, SENT, PATH, REPEATED, TENANT, "canary-of-a-receiver", site.operator]
    secret_parts = [session, site.key.rpartition("_")[2], *(secret.removeprefix("whsec_") for secret in secrets)]
    assert [canary for canary in [*canaries, *secret_parts] if canary in logged] == []

    told = site.entries()
    [accepted] = [entry for entry in told if entry["event"] == "job_accepted" and entry["job_id"] == whole]
    [finished] = [entry for entry in told if entry["event"] == "attempt_finished" and entry["job_id"] == whole]
    delivered = next(entry for entry in told if entry["event"] == "delivery_attempted" and entry["trace_id"] == TRACE)
    assert accepted["request_id"].startswith("req_")
    assert (finished["job_id"], finished["attempt"], finished["state"]) == (whole, 1, "succeeded")
    assert {entry["trace_id"] for entry in (accepted, finished, delivered)} == {TRACE}
    assert len({entry["tenant_hash"] for entry in (accepted, finished, delivered)}) == 1
    requested = [entry for entry in told if entry["event"] == "request"]
    assert {"/v1/jobs", "/v1/infer", "none"} <= {entry["route"] for entry in requested}
    assert {entry["level"] for entry in requested if entry["route"].startswith("/health")} == {"DEBUG"}
    assert any(entry["event"] == "engine_stuck" for entry in told)
    assert any(entry["event"] == "delivery_gave_up" for entry in told)
