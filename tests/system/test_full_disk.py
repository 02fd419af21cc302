"""The disk of files is really full: batches wait and say so, uploads are refused, and nothing is lost or left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import openai
import pytest
from openai import OpenAI

from api.batches.batch_run import NO_SPACE
from jobs.batches.batch import BatchStatus
from storage.drafts import UNFINISHED
from tests.system.batch_books import BatchBooks, check_answers
from tests.system.batch_reader import PATIENCE_SECONDS, BatchReader
from tests.system.batch_site import BatchSite, chat_line
from tests.system.echoed import echoed
from tests.system.full_disk import DiskRefused, SmallDisk, small_disk
from tests.system.worker_process import wait_for

pytestmark = pytest.mark.long

LINES = 5000
TOKENS = 5
DATA = b"\n".join(chat_line(number, max_tokens=TOKENS) for number in range(LINES))
EXPECTED = {f"q-{number}": echoed(f"Question {number}?", TOKENS) for number in range(LINES)}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        with small_disk(tmp_path / "disk", mebibytes=32) as disk:
            yield disk
    except DiskRefused as reason:
        pytest.skip(f"no file system can be mounted here: {reason}")


@pytest.fixture
def site(redis_url: str, disk: SmallDisk, tmp_path: Path) -> Iterator[BatchSite]:
    site = BatchSite(redis_url, tmp_path, tokens_per_second=300, files=disk.folder / "files")
    site.start()
    site.serve()
    yield site
    site.stop()


def until_it_waits_for_space(site: BatchSite, batch_id: str) -> None:
    wait_for(
        lambda: site.batch(batch_id).waiting_for == NO_SPACE, PATIENCE_SECONDS, tell=lambda: str(site.batch(batch_id))
    )


def left_to_do(site: BatchSite, batch_id: str) -> int:
    """How many lines are jobs that have not ended."""
    return sum(not job.is_final for job in site.jobs.list("default", batch=batch_id, limit=100).jobs)


def check_that_an_upload_is_refused_and_leaves_nothing(client: OpenAI, disk: SmallDisk) -> None:
    """But for its draft, which is looked for at the end: until then the runner has some of its own."""
    before = kept(client, disk)

    with pytest.raises(openai.APIStatusError) as raised:
        client.with_options(max_retries=0).files.create(file=("more.jsonl", DATA), purpose="batch")

    assert (raised.value.status_code, raised.value.code) == (503, "file_storage_full")
    assert kept(client, disk) == before


def kept(client: OpenAI, disk: SmallDisk) -> tuple[list[str], list[Path]]:
    """What files the API knows, and what lies on the disk."""
    lying = (path for path in disk.folder.rglob("*") if path.is_file() and UNFINISHED not in path.parts)
    return [file.id for file in client.files.list()], sorted(lying)


def test_a_batch_waits_while_the_disk_is_full_and_costs_no_line_anything(
    site: BatchSite, disk: SmallDisk, random: Random
) -> None:
    with site.openai() as client:
        books = BatchBooks(site)
        file = client.files.create(file=("in.jsonl", DATA), purpose="batch")
        disk.fill()
        batch_id = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        ).id
        until_it_waits_for_space(site, batch_id)
        assert site.batch(batch_id).status is BatchStatus.VALIDATING
        assert site.left_jobs() == 0
        disk.make_room()

        reader = BatchReader(site, batch_id)
        reader.until(random.randint(100, LINES - 1000))
        disk.fill()
        until_it_waits_for_space(site, batch_id)
        wait_for(lambda: left_to_do(site, batch_id) == 0, PATIENCE_SECONDS)
        reader.read_on()
        read = list(reader.lines)
        check_that_an_upload_is_refused_and_leaves_nothing(client, disk)
        assert site.batch(batch_id).waiting_for == NO_SPACE
        disk.make_room()

        assert reader.until_the_end() == "completed"
        assert reader.lines[: len(read)] == read
        check_answers(reader.answers(), EXPECTED)
        batch = site.batch(batch_id)
        assert (batch.completed, batch.failed, batch.waiting_for) == (LINES, 0, None)
        assert batch.usage.completion_tokens == LINES * TOKENS
        attempts = books.attempts(batch_id).values()
        assert {tuple((entry["attempt"], entry["state"]) for entry in said) for said in attempts} == {
            ((1, "succeeded"),)
        }
        books.close(batch_id)
