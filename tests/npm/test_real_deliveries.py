"""Real jobs of a real `frontier up`, told to receivers that npm's standardwebhooks guards."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.generation import Generation
from scripts.ports import free_port
from tests.docs.page_blocks import block_under
from tests.npm.node_place import NodePlace
from tests.system.up_process import DEADLINE_SECONDS, UpProcess, echo_up

pytestmark = pytest.mark.npm
CONFIG = "models:\n  echo:\n    engine: scripted\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> NodePlace:
    return NodePlace(tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, server_binary: Path) -> Iterator[UpProcess]:  # noqa: ARG001 - skips where there is none
    env = {"WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8"}
    with echo_up(tmp_path_factory.mktemp("up"), CONFIG, env=env) as up:
        yield up


class Recorder(ThreadingHTTPServer):
    """Keeps each request as it came, and accepts it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.changed = threading.Condition()
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/in"

    def first(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, DEADLINE_SECONDS)
            return self.requests[:count]


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.changed:
            self.server.requests.append((dict(self.headers.items()), body))
            self.server.changed.notify_all()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as recorder:
        thread = threading.Thread(target=recorder.serve_forever, args=[0.05])
        thread.start()
        yield recorder
        recorder.shutdown()
        thread.join()


def submit(up: UpProcess, prompt: str, **members: Any) -> str:
    body = Generation(chat=False, model="echo", max_tokens=8).body(prompt) | members
    return up.client.submit(body, idempotency_key=uuid.uuid4().hex).id


def test_the_express_receiver_of_the_page_hears_of_real_jobs(place: NodePlace, up: UpProcess) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hooks/frontier"
    endpoint = up.client.endpoints.make("express", url, ["job.succeeded"])
    env = {"WEBHOOK_SECRET": str(endpoint["signing_secret"]), "PORT": str(port)}
    with place.running(block_under("### Express", "webhooks.md"), env) as express:
        assert express.stdout
        assert express.stdout.readline() == f"listening on {port}\n"
        for prompt in ("O Romeo, Romeo,", "é \u2028 \U0001f600"):
            job_id = submit(up, prompt)
            assert express.stdout.readline() == f"job.succeeded of {job_id}\n"
    up.client.endpoints.delete(str(endpoint["id"]))


def test_npm_verifies_the_webhooks_of_real_jobs_with_their_results(
    place: NodePlace, up: UpProcess, recorder: Recorder
) -> None:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {(up.data_dir / 'token').read_text().strip()}"
        answer = session.post(f"{up.client.url}/v1/webhook_secret/rotate", timeout=DEADLINE_SECONDS)
        secret = answer.json()["signing_secret"]
    prompts = ["plain", "é \u2028 \U0001f600", '"\\\n\t</script>']
    for prompt in prompts:
        submit(up, prompt, webhook={"url": recorder.url, "include": ["result"]})
    received = recorder.first(len(prompts))
    assert all(b'"result":' in body for _, body in received)
    assert place.types_verified(secret, received) == ["job.succeeded"] * len(prompts)
    changed = [(headers, body.replace(b"job_", b"jib_")) for headers, body in received]
    assert place.types_verified(secret, changed) == [None] * len(prompts)
