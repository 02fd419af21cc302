"""A batch from end to end as a client sees it: OpenAI's own, an API, a worker and a runner that is killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
import requests
from openai import OpenAI

from tests.api.conftest import TOKEN
from tests.api.gunicorn_process import GunicornProcess
from tests.system.batch_site import PATIENCE_SECONDS, BatchSite, chat_line
from tests.system.worker_process import wait_for

ENDPOINT: Final = "/v1/chat/completions"
LINES = 300
FIRST_READ = 40


@pytest.fixture
def site(redis_url: str, tmp_path: Path) -> Iterator[BatchSite]:
    site = BatchSite(redis_url, tmp_path, tokens_per_second=100)
    site.start()
    yield site
    site.stop()


@pytest.fixture
def api(site: BatchSite, redis_url: str, tmp_path: Path) -> Iterator[GunicornProcess]:
    env = {"REDIS_URL": redis_url, "TRUTHGPT_CONFIG": str(site.config), "FILES_URL": f"file://{tmp_path}/files"}
    process = GunicornProcess(env, tmp_path / "api.log")
    yield process
    process.close()


class Reader:
    """Reads the output of a batch as it grows."""

    def __init__(self, api: GunicornProcess, batch_id: str) -> None:
        self._url = f"http://127.0.0.1:{api.port}/v1/batches/{batch_id}/output"
        self.lines: list[str] = []
        self.status = ""

    def read_on(self) -> None:
        answer = requests.get(
            self._url, params={"after": len(self.lines)}, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60
        )
        assert answer.status_code == 200, answer.text
        self.lines += answer.content.decode().splitlines()
        assert answer.headers["Next-After"] == str(len(self.lines))
        self.status = answer.headers["Batch-Status"]

    def has(self, count: int) -> bool:
        self.read_on()
        return len(self.lines) >= count

    def is_done(self) -> bool:
        self.read_on()
        return self.status == "completed"


def test_each_line_is_read_once_while_the_batch_runs_and_stands_once_in_its_file(
    site: BatchSite, api: GunicornProcess
) -> None:
    with ExitStack() as cleanup:
        client = cleanup.enter_context(
            OpenAI(base_url=f"http://127.0.0.1:{api.port}/v1", api_key=TOKEN, _strict_response_validation=True)
        )
        names = [f"q-{number}" for number in range(LINES)]
        file = client.files.create(
            file=("in.jsonl", b"\n".join(chat_line(number) for number in range(LINES))), purpose="batch"
        )
        batch = client.batches.create(input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h")
        reader = Reader(api, batch.id)

        wait_for(lambda: reader.has(FIRST_READ), PATIENCE_SECONDS, tell=site.runner.log.read_text)
        site.runner.send(signal.SIGKILL)
        wait_for(reader.is_done, PATIENCE_SECONDS, tell=site.runner.log.read_text)

        done = client.batches.retrieve(batch.id)
        assert (done.status, done.model, done.error_file_id) == ("completed", "m", None)
        assert done.request_counts is not None
        assert (done.request_counts.completed, done.request_counts.failed) == (LINES, 0)
        assert done.usage is not None
        assert done.usage.output_tokens == 5 * LINES
        assert done.output_file_id is not None
        content = client.files.content(done.output_file_id).text
        assert content.splitlines() == reader.lines
        assert sorted(json.loads(line)["custom_id"] for line in reader.lines) == sorted(names)


def test_a_line_that_is_wrong_fails_the_batch_before_any_is_a_job(site: BatchSite, api: GunicornProcess) -> None:
    with OpenAI(base_url=f"http://127.0.0.1:{api.port}/v1", api_key=TOKEN) as client:
        lines = [chat_line(0), chat_line(1, temperature=7), chat_line(0)]
        file = client.files.create(file=("in.jsonl", b"\n".join(lines)), purpose="batch")
        batch = client.batches.create(input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h")

        def has_failed() -> bool:
            return client.batches.retrieve(batch.id).status == "failed"

        wait_for(has_failed, PATIENCE_SECONDS, tell=site.runner.log.read_text)

        errors = client.batches.retrieve(batch.id).errors
        assert errors is not None
        assert [(one.line, one.param, one.code) for one in errors.data or ()] == [
            (2, "body.temperature", "invalid_value"),
            (3, "custom_id", "duplicate_custom_id"),
        ]
        assert site.left_jobs() == 0
