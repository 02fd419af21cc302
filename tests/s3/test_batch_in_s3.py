"""A batch whose input and output lie in an object store, over HTTP, from the upload to the files that it gave."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scripts.batch_view import BatchView
from tests.s3.server import BUCKET
from tests.system.up_process import DEADLINE_SECONDS, UpProcess
from tests.system.worker_process import wait_for

pytestmark = pytest.mark.s3

LINES = 1_500
CONFIG = """
models:
  echo:
    engine: scripted
    slots: 32
"""


@pytest.fixture
def up(tmp_path: Path, server_binary: Path, s3_environment: Mapping[str, str]) -> Iterator[UpProcess]:
    del server_binary
    config = tmp_path / "models.yaml"
    config.write_text(CONFIG)
    up = UpProcess(
        tmp_path / "data", config, "--model", "echo", env={**s3_environment, "FILES_URL": f"s3://{BUCKET}/of-frontier"}
    )
    try:
        up.read_until("echo is ready")
        yield up
    finally:
        up.close()


def test_a_batch_reads_its_input_there_and_what_it_gives_is_fetched_from_there(up: UpProcess, tmp_path: Path) -> None:
    calls, source = up.client.batches, tmp_path / "in.jsonl"
    bodies = ({"model": "echo", "prompt": f"{number} " + "x" * 4_000, "max_tokens": 2} for number in range(LINES))
    lines = (
        {"custom_id": str(number), "method": "POST", "url": "/v1/completions", "body": body}
        for number, body in enumerate(bodies)
    )
    source.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    file_id = calls.upload(source, name="in.jsonl")
    made = calls.make(file_id, endpoint="/v1/completions", window="24h", metadata={}, idempotency_key="once")
    told = [json.loads(line)["custom_id"] for line in calls.followed_lines(made.id, "output")]
    wait_for(lambda: calls.find(made.id).is_final, DEADLINE_SECONDS)
    ended: BatchView = calls.find(made.id)

    assert source.stat().st_size > 5 * 1024 * 1024, "the upload has several parts"
    assert (ended.status, ended.completed, ended.failed) == ("completed", LINES, 0)
    assert sorted(told, key=int) == [str(number) for number in range(LINES)]
    assert b"".join(calls.input_lines(file_id)) == source.read_bytes()
    kept = [json.loads(line)["custom_id"] for line in calls.input_lines(str(ended.body["output_file_id"]))]
    assert kept == told
    assert not (tmp_path / "data" / "files").exists()
