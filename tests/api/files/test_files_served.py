"""Files over the real server: what comes slowly, in pieces, not at all, or too fast for whoever reads it."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis

from tests.api.conftest import TOKEN
from tests.api.files.shelves import FILE, LINES, PURPOSE, Part, form, form_type
from tests.api.gunicorn_process import GunicornProcess

MOST_BYTES = 4_000_000
PIECE = b"x" * 262_144
HEAD = form(PURPOSE, ("file", "long.jsonl", b""), ending="").removesuffix(b"\r\n")
TAIL = form(ending=None).join([b"\r\n", b""])


class Served:
    """An API whose bodies, or pieces of files, have two seconds to arrive."""

    def __init__(self, server: GunicornProcess, folder: Path) -> None:
        self.server = server
        self.folder = folder

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        own = {"Authorization": f"Bearer {TOKEN}", "Content-Type": form_type()}
        try:
            connection.request(method, path, body, own | headers, encode_chunked=hasattr(body, "__next__"))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def put(self, *parts: Part) -> str:
        status, answer = self.call("POST", "/v1/files", form(*parts))
        assert status == 200, answer
        return str(json.loads(answer)["id"])

    def begin(self, length: int, *headers: str) -> socket.socket:
        """A connection over which the beginning of a body of that length was sent."""
        lines = ["POST /v1/files HTTP/1.1", f"Content-Type: {form_type()}", f"Content-Length: {length}", *headers]
        connection = self.server.begin("\n".join(lines))
        connection.sendall(HEAD)
        return connection

    def kept(self) -> list[str]:
        return [path.parent.name for path in self.folder.rglob("*") if path.is_file()]

    def ids(self) -> list[str]:
        return [one["id"] for one in json.loads(self.call("GET", "/v1/files")[1])["data"]]


@pytest.fixture(scope="module")
def shared(redis_server: str, catalog_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    env = {
        "REDIS_URL": redis_server,
        "TRUTHGPT_CONFIG": str(catalog_file),
        "API_BODY_SECONDS": "2",
        "FILES_URL": f"file://{folder}/files",
        "FILES_MAX_BYTES": str(MOST_BYTES),
    }
    server = GunicornProcess(env, folder / "log")
    yield Served(server, folder / "files")
    assert server.stop() == 0


@pytest.fixture
def served(shared: Served, redis_url: str) -> Served:
    del redis_url
    for path in shared.folder.rglob("*"):
        if path.is_file():
            path.unlink()
    return shared


def until(is_so: Callable[[], bool]) -> None:
    """Return when *is_so*; a test that never gets there fails."""
    for _ in range(1200):
        if is_so():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it never came so far")


def answer_to(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as reader:
        return reader.readline()


def test_a_body_in_chunks_of_unknown_length_is_a_file(served: Served) -> None:
    body = form(PURPOSE, ("file", "a.jsonl", PIECE * 3))
    status, answer = served.call("POST", "/v1/files", (body[at : at + 70_001] for at in range(0, len(body), 70_001)))

    assert status == 200, answer
    assert served.call("GET", f"/v1/files/{json.loads(answer)['id']}/content")[1] == PIECE * 3


def test_a_body_in_chunks_that_is_too_large_is_refused_and_not_kept(served: Served) -> None:
    body = form(PURPOSE, ("file", "a.jsonl", b"x" * (MOST_BYTES + 1)))
    status, answer = served.call("POST", "/v1/files", iter([body]))

    assert (status, json.loads(answer)["error"]["param"]) == (413, "file")
    assert served.kept() == []


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(served: Served) -> None:
    assert answer_to(served.begin(10 * MOST_BYTES)).split()[1] == b"413"
    assert served.kept() == []


def test_a_file_may_come_slowly_as_long_as_it_comes(served: Served) -> None:
    """Longer in all than the two seconds that a body has, but each of its pieces in time."""
    body = [HEAD, *[PIECE] * 6, TAIL]
    connection = served.begin(sum(map(len, body)))
    for piece in body[1:]:
        threading.Event().wait(0.4)
        connection.sendall(piece)

    assert answer_to(connection).split()[1] == b"200"


def test_a_file_that_stops_coming_is_given_up_and_not_kept(served: Served) -> None:
    connection = served.begin(1_000_000)
    connection.sendall(PIECE)

    assert answer_to(connection).split()[1] == b"408"
    assert served.kept() == []
    assert served.ids() == []


def test_of_a_client_that_hangs_up_nothing_is_kept(served: Served) -> None:
    connection = served.begin(3_000_000)
    connection.sendall(PIECE * 2)
    until(lambda: served.kept() == ["unfinished"])
    connection.close()

    until(lambda: served.kept() == [])
    assert served.ids() == []


def test_a_worker_that_dies_in_the_middle_leaves_no_file_but_word_of_what_to_delete(
    served: Served, redis_client: Redis
) -> None:
    with served.begin(3_000_000) as connection:
        connection.sendall(PIECE * 2)
        until(lambda: served.kept() == ["unfinished"])
        [worker] = psutil.Process(served.server._process.pid).children()
        os.kill(worker.pid, signal.SIGKILL)
        until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)

    until(lambda: served.server.send("GET", "/health/live").status == 200)
    assert served.ids() == []
    assert redis_client.zcard("frontier:files_due") == 1


def test_the_bytes_of_a_deleted_file_are_deleted_just_after(served: Served) -> None:
    file_id = served.put(FILE, PURPOSE)
    assert served.call("DELETE", f"/v1/files/{file_id}")[0] == 200

    until(lambda: served.kept() == [])


def test_a_client_that_was_refused_early_gets_its_answer_after_it_has_sent_all(served: Served) -> None:
    status, answer = served.call("POST", "/v1/files", form(("purpose", None, b"vision"), ("file", "a", PIECE * 12)))

    assert (status, json.loads(answer)["error"]["param"]) == (400, "purpose")


def test_a_connection_goes_on_after_an_upload_and_a_download(served: Served) -> None:
    connection = HTTPConnection("127.0.0.1", served.server.port, timeout=60)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": form_type()}
    for _ in range(2):
        connection.request("POST", "/v1/files", form(FILE, PURPOSE), headers)
        file_id = json.loads(connection.getresponse().read())["id"]
        connection.request("GET", f"/v1/files/{file_id}/content", headers=headers)
        assert connection.getresponse().read() == LINES
    connection.close()


def test_others_are_answered_while_a_reader_takes_its_time(served: Served) -> None:
    file_id = served.put(PURPOSE, ("file", "long.jsonl", PIECE * 12))
    with served.server.begin(f"GET /v1/files/{file_id}/content HTTP/1.1", receive_bytes=4096) as reader:
        assert reader.recv(12) == b"HTTP/1.1 200"
        assert served.ids() == [file_id]
        assert served.call("GET", f"/v1/files/{file_id}/content", Range="bytes=-5")[1] == b"xxxxx"
