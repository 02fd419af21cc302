"""A batch from end to end as a client sees it: OpenAI's own, an API, a worker and a runner that is killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.system.batch_reader import PATIENCE_SECONDS, BatchReader
from tests.system.batch_site import BatchSite, chat_line
from tests.system.worker_process import wait_for

ENDPOINT: Final = "/v1/chat/completions"
LINES = 300
FIRST_READ = 40


@pytest.fixture
def site(redis_url: str, tmp_path: Path) -> Iterator[BatchSite]:
    site = BatchSite(redis_url, tmp_path, tokens_per_second=100)
    site.start()
    site.serve()
    yield site
    site.stop()


def test_each_line_is_read_once_while_the_batch_runs_and_stands_once_in_its_file(
    site: BatchSite,
) -> None:
    with site.openai() as client:
        names = [f"q-{number}" for number in range(LINES)]
        file = client.files.create(
            file=("in.jsonl", b"\n".join(chat_line(number) for number in range(LINES))), purpose="batch"
        )
        batch = client.batches.create(input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h")
        reader = BatchReader(site, batch.id)

        reader.until(FIRST_READ)
        site.runner.send(signal.SIGKILL)
        assert reader.until_the_end() == "completed"

        done = client.batches.retrieve(batch.id)
        assert (done.status, done.model, done.error_file_id) == ("completed", "m", None)
        assert done.request_counts is not None
        assert (done.request_counts.completed, done.request_counts.failed) == (LINES, 0)
        assert done.usage is not None
        assert done.usage.output_tokens == 5 * LINES
        assert done.output_file_id is not None
        content = client.files.content(done.output_file_id).content
        assert content.splitlines() == reader.lines
        assert sorted(json.loads(line)["custom_id"] for line in reader.lines) == sorted(names)


def test_a_line_that_is_wrong_fails_the_batch_before_any_is_a_job(site: BatchSite) -> None:
    with site.openai() as client:
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
