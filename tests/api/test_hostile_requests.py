"""Every hostile row, over real sockets: refused with a problem, by a server that stays well and says nothing of it."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.api.conftest import SECRET_KEY, TOKEN
from tests.api.gunicorn_process import GunicornProcess
from tests.api.hostile_rows import ADDRESSES, BODIES, CANARY, HEADS, LARGEST, HostileBody, HostileHead

ROUTES = [
    "/v1/jobs",
    "/v1/infer",
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/admin/keys",
    "/v1/webhook_endpoints",
    "/v1/jobs/cancel",
]
URLS = [
    f"http://{CANARY}:{CANARY}@127.0.0.1/",
    f"http://169.254.169.254/{CANARY}",
    f"file:///{CANARY}",
    f"https://{CANARY}.invalid/",
    f"http://[::1]/{CANARY}",
    f"http://127.0.0.1:99999/{CANARY}",
    f"http://a\r\nSet-Cookie: {CANARY}/",
]
BODY_SECONDS = "1"
KEY = f"Authorization: Bearer {TOKEN}".encode()


class Refusal:
    """An answer that was read to its end."""

    def __init__(self, raw: bytes) -> None:
        connection = _Read(raw)
        response = HTTPResponse(connection)  # type: ignore[arg-type]
        response.begin()
        self.status = response.status
        self.headers = response.headers
        self.body: Any = json.loads(response.read())


class _Read(io.BytesIO):
    """What was received, in the place of the socket."""

    def makefile(self, _mode: str) -> io.BytesIO:
        return self


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "log"


@pytest.fixture(scope="module")
def server(redis_server: str, catalog_file: Path, log: Path) -> Iterator[GunicornProcess]:
    """One server for all rows, which nothing of them outlives."""
    with Redis.from_url(redis_server) as client:
        client.flushdb()
        env = {
            "REDIS_URL": redis_server,
            "TRUTHGPT_CONFIG": str(catalog_file),
            "FRONTIER_SECRET_KEY": SECRET_KEY,
            "API_BODY_SECONDS": BODY_SECONDS,
        }
        server = GunicornProcess(env, log)
        yield server
        content = kept(client)
    assert server.stop() == 0
    logged = log.read_text()
    assert b"instance" in content, "it is the record that is looked at"
    assert CANARY.encode() not in content
    assert CANARY not in logged
    assert TOKEN not in logged
    assert "Traceback" not in logged
    assert "request_failed" not in logged


def kept(client: Redis) -> bytes:
    """Every key and value of the database."""
    client.set("instance", "this test's")
    found: list[Any] = []
    for key in client.scan_iter():
        kind: Any = client.type(key)
        reads: dict[bytes, Any] = {
            b"string": client.get,
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"list": lambda name: client.lrange(name, 0, -1),
            b"zset": lambda name: client.zrange(name, 0, -1),
            b"stream": client.xrange,
        }
        found += [key, reads[kind](key)]
    return repr(found).encode()


def send(server: GunicornProcess, *parts: bytes) -> Refusal:
    """What comes back for these bytes; a server that has refused may have closed before the last of them."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
        received = bytearray()
        try:
            for part in parts:
                connection.sendall(part)
        except OSError:
            pass
        try:
            while piece := connection.recv(65_536):
                received += piece
        except ConnectionResetError:
            pass
    return Refusal(bytes(received))


def head(first: str, *lines: str | bytes) -> bytes:
    own = (b"Host: test", KEY, b"Connection: close")
    raw = (line if isinstance(line, bytes) else line.encode() for line in lines)
    return b"\r\n".join((first.encode(), *own, *raw, b"", b""))


def check(refusal: Refusal, statuses: frozenset[int]) -> None:
    assert refusal.status in statuses, refusal.body
    assert refusal.headers["Content-Type"] == "application/problem+json"
    assert refusal.body["status"] == refusal.status
    assert refusal.body["type"].startswith(("/problems/", "about:blank"))
    assert "Set-Cookie" not in refusal.headers


@pytest.mark.parametrize("row", BODIES, ids=[row.name for row in BODIES])
@pytest.mark.parametrize("path", ROUTES)
def test_a_hostile_body_is_refused(server: GunicornProcess, path: str, row: HostileBody) -> None:
    kind = [f"Content-Type: {row.content_type}"] if row.content_type else []
    lines = [*kind, *row.headers, f"Content-Length: {len(row.body)}"]

    check(send(server, head(f"POST {path} HTTP/1.1", *lines), row.body), row.statuses)


@pytest.mark.parametrize("row", HEADS, ids=[row.name for row in HEADS])
def test_a_hostile_head_is_refused(server: GunicornProcess, row: HostileHead) -> None:
    key = (KEY,) if row.has_key else ()
    first, *others = row.lines

    check(
        send(server, b"\r\n".join((first, b"Host: test", *key, b"Connection: close", *others, b"", b""))), row.statuses
    )


@pytest.mark.parametrize(("address", "status"), ADDRESSES.items(), ids=[address[:60] for address in ADDRESSES])
def test_a_hostile_address_is_refused(server: GunicornProcess, address: str, status: int) -> None:
    check(send(server, head(f"GET {address} HTTP/1.1")), frozenset({status}))


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/webhook_endpoints"])
def test_the_url_of_a_webhook_that_leads_elsewhere_is_refused(server: GunicornProcess, path: str, url: str) -> None:
    named = {"name": CANARY, "url": url, "event_types": ["job.succeeded"]}
    submitted = {"input": {"prompt": CANARY}, "webhook": {"url": url}}
    body = json.dumps(named if path.endswith("endpoints") else submitted).encode()
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")

    check(send(server, head(f"POST {path} HTTP/1.1", *lines), body), frozenset({422}))


@pytest.mark.parametrize("path", ROUTES)
def test_a_body_in_chunks_is_counted_and_ended_like_any_other(server: GunicornProcess, path: str) -> None:
    begin = head(f"POST {path} HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")
    text = b'{"about": "' + CANARY.encode()
    large = b"x" * (LARGEST // 8)

    too_large = [b"%x\r\n%b\r\n" % (len(large), large)] * 9
    check(send(server, begin, b"%x\r\n%b\r\n" % (len(text), text), *too_large, b"0\r\n\r\n"), frozenset({413}))
    check(send(server, begin, b"%x\r\n%b\r\n" % (len(text), text)), frozenset({408}))
    check(send(server, begin, b"-5\r\n" + text), frozenset({400}))
    check(send(server, begin, b"f" * 100 + b"\r\n" + text), frozenset({400, 408}))


def test_whoever_dawdles_with_a_head_is_left(server: GunicornProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
        connection.sendall(b"GET /v1/jobs HTTP/1.1\r\nHost: te")

        assert connection.recv(1) == b"", "the server closes, in its own time"


@pytest.mark.parametrize("given", ["a b", "é", "<script>", "x" * 65, "a%0d%0ab", ""])
def test_a_request_id_that_could_hurt_is_not_repeated(server: GunicornProcess, given: str) -> None:
    answer = server.send("GET", "/v1/jobs", X_Request_Id=given.encode("latin-1", "replace").decode("latin-1"))

    assert answer.status == 200
    assert answer.headers["x-request-id"].startswith("req_")


def test_the_server_is_well_after_all_of_it(server: GunicornProcess) -> None:
    assert server.send("GET", "/health").json["redis"] == "ok"
    assert server.send("POST", "/v1/jobs", {"input": {"prompt": "Hark!"}}).status == 202
