"""What we sign, verified by npm's standardwebhooks, and the Express receiver of docs/webhooks.md as it stands there."""

from __future__ import annotations

import json
import re
import secrets as randomness
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from jobs.signature import Secret, signed_headers
from tests.docs.page_blocks import block_under
from tests.npm.node_place import NodePlace

pytestmark = pytest.mark.npm
SECRET, OTHER = Secret.new(randomness.token_bytes), Secret.new(randomness.token_bytes)
BODIES = [
    json.dumps({"id": "evt_1", "type": "job.succeeded", "data": {"id": "job_1", "result": {"text": text}}}).encode()
    for text in ("", "plain", "\u00e9\u2028\U0001f600", '"\\\n\t</script>', "x" * 20_000)
] + ['{"id":"evt_1","type":"job.succeeded","data":{"id":"job_1","text":"é😀"}}'.encode()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> NodePlace:
    return NodePlace(tmp_path_factory.mktemp("npm"))


def signed(body: bytes, *secrets: Secret, at: float | None = None) -> dict[str, str]:
    return signed_headers(secrets or [SECRET], "evt_1", int(at or time.time()), body)


def test_npm_verifies_what_we_sign(place: NodePlace) -> None:
    requests = [(signed(body), body) for body in BODIES] + [(signed(body, OTHER, SECRET), body) for body in BODIES]
    assert place.types_verified(SECRET.text, requests) == ["job.succeeded"] * len(requests)


def test_npm_refuses_what_was_changed_written_anew_signed_otherwise_or_long_ago(place: NodePlace) -> None:
    body = BODIES[-1]
    requests = [
        (signed(body), body.replace(b"job_1", b"job_2")),
        (signed(body), json.dumps(json.loads(body)).encode()),
        (signed(body, OTHER), body),
        (signed(body, at=time.time() - 3600), body),
        ({}, body),
    ]
    assert place.types_verified(SECRET.text, requests) == [None] * len(requests)


@pytest.fixture
def express(place: NodePlace) -> Iterator[subprocess.Popen[str]]:
    program = block_under("### Express", "webhooks.md")
    with place.running(program, {"WEBHOOK_SECRET": SECRET.text, "PORT": "0"}) as process:
        yield process


def test_the_express_receiver_accepts_refuses_and_works_on_a_repeat_once(express: subprocess.Popen[str]) -> None:
    assert express.stdout
    line = express.stdout.readline()
    listening = re.fullmatch(r"listening on (\d+)\n", line)
    assert listening, line
    port, body = int(listening[1]), BODIES[-1]

    assert post(port, body, signed(body)) == 204
    assert express.stdout.readline() == "job.succeeded of job_1\n"
    assert post(port, body, signed(body)) == 204
    assert post(port, body.replace(b"job_1", b"job_2"), signed(body)) == 400
    assert post(port, json.dumps(json.loads(body)).encode(), signed(body)) == 400
    assert post(port, body, signed(body, OTHER)) == 400
    assert post(port, body, {}) == 400
    other = {**signed_headers([SECRET], "evt_2", int(time.time()), body)}
    assert post(port, body, other) == 204
    assert express.stdout.readline() == "job.succeeded of job_1\n"


def post(port: int, body: bytes, headers: dict[str, str]) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/hooks/frontier", body, {**headers, "content-type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_without_node_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"node is missing: `make test-npm` needs Node\.js"):
        NodePlace(tmp_path)
