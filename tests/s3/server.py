"""A server that speaks S3, on a free port of this machine and in memory, with one bucket."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.ports import free_port

BUCKET = "kept"
DEADLINE_SECONDS = 60.0


@contextmanager
def s3_server(log: Path) -> Iterator[Mapping[str, str]]:
    """Runs it, and gives the environment in which `s3://kept/…` is its bucket."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            _make_bucket(f"{url}/{BUCKET}", process, log)
            yield {
                "AWS_ENDPOINT_URL": url,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "a-key",
                "AWS_SECRET_ACCESS_KEY": "its-secret",
                "NO_PROXY": ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1"))),
            }
        finally:
            process.kill()


def _make_bucket(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            opener.open(urllib.request.Request(url, method="PUT"), timeout=10).close()
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
