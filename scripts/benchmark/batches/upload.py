"""What an API process needs beyond what it had, while a large file comes over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from scripts.benchmark import servers
from scripts.benchmark.scripted import scripted_config

_BOUNDARY = "benchmark"
_FIELD = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
_FILE = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n'
_HEAD, _TAIL = (_FIELD + _FILE).encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()
_LINE = b'{"custom_id": "line", "method": "POST", "url": "/v1/completions", "body": {"prompt": "Is it dark?"}}\n'
_PIECE = _LINE * 1000
_TIMEOUT_SECONDS = 300.0
_SMALL_BYTES = 100_000
"""A first file, so that what is made once is there."""

Added = tuple[float, ...]


def added_megabytes(folder: Path, *, sent_bytes: int, times: int) -> Added:
    """By how many MB the most that one API process ever had during each upload exceeds what it had before the first.

    It is the kernel's own high-water mark of its resident memory.
    """
    folder.mkdir()
    with (
        servers.redis(folder / "redis") as redis_url,
        servers.api_and_process(
            folder, redis_url=redis_url, config=scripted_config(folder), environment={"API_WORKERS": "1"}
        ) as (client, gunicorn),
    ):
        [process] = gunicorn.children()
        _upload(client.port, _SMALL_BYTES)
        before = process.memory_info().rss
        added = []
        for _ in range(times):
            _forget_peak(process.pid)
            file_id = _upload(client.port, sent_bytes)
            added.append((_peak_bytes(process.pid) - before) / 1e6)
            client.call("DELETE", f"/v1/files/{file_id}")
        return tuple(added)


def _upload(port: int, size: int) -> str:
    """Send a file of so many bytes; its id. Raises RuntimeError if it is not taken."""
    headers = {
        "Authorization": f"Bearer {servers.TOKEN}",
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
        "Content-Length": str(len(_HEAD) + size + len(_TAIL)),
    }
    connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("POST", "/v1/files", _body(size), headers)
        response = connection.getresponse()
        document: dict[str, Any] = json.loads(response.read())
    finally:
        connection.close()
    if document.get("bytes") != size:
        raise RuntimeError(f"a file was answered with {response.status}: {document}")
    return str(document["id"])


def _body(size: int) -> Iterator[bytes]:
    yield _HEAD
    for left in range(size, 0, -len(_PIECE)):
        yield _PIECE[:left]
    yield _TAIL


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kilobytes) * 1024
