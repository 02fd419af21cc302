"""A file is sent as it is read, however large it is, and again from its beginning where the connection breaks."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from scripts.client import FrontierClient

MIB = 1024 * 1024


class Sink:
    """Takes uploads and keeps their lengths; the first is cut off after a MiB."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.buffer = bytearray(MIB)
        handler = type("Handler", (_Handler,), {"sink": self})
        self.http = HTTPServer(("127.0.0.1", 0), handler)


class _Handler(BaseHTTPRequestHandler):
    sink: Sink

    def do_POST(self) -> None:
        wanted = int(self.headers["Content-Length"]) if self.sink.lengths else MIB
        left = wanted
        while left and (count := self.rfile.readinto(memoryview(self.sink.buffer)[: min(left, MIB)])):
            left -= count
        self.sink.lengths.append(wanted - left)
        if len(self.sink.lengths) == 1:
            self.close_connection = True
            self.connection.close()
            return
        answer = b'{"id": "file-1"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    thread = threading.Thread(target=sink.http.serve_forever, args=[0.01])
    thread.start()
    yield sink
    sink.http.shutdown()
    thread.join()
    sink.http.server_close()


def test_a_large_file_is_never_whole_in_memory_and_is_sent_again_after_a_cut(sink: Sink, tmp_path: Path) -> None:
    source = tmp_path / "large.jsonl"
    with source.open("wb") as file:
        file.truncate(100 * MIB)
    url = f"http://127.0.0.1:{sink.http.server_address[1]}"

    tracemalloc.start()
    try:
        with FrontierClient(url, "key", pause=lambda _: None) as client:
            file_id = client.batches.upload(source, name="large.jsonl")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert file_id == "file-1"
    assert sink.lengths[0] == MIB
    assert sink.lengths[1] > 100 * MIB
    assert most < 10 * MIB
