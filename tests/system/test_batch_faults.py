"""Batches of 5,000 lines as a client follows them over HTTP, while whatever runs them is killed, stopped or refuses."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from openai import OpenAI

from jobs.batches.batch import BatchStatus
from scripts.client import FrontierClient
from tests.redis_process import RedisProcess
from tests.system.batch_books import BatchBooks, check_answers
from tests.system.batch_reader import FINAL, PATIENCE_SECONDS, BatchReader
from tests.system.batch_site import BatchSite, chat_line
from tests.system.echoed import echoed
from tests.system.fleet import TOKEN
from tests.system.kept_process import KeptProcess
from tests.system.worker_process import wait_for

pytestmark = pytest.mark.long

ENDPOINT: Final = "/v1/chat/completions"
LINES = 5000
TOKENS = 5
NAMES = [f"q-{number}" for number in range(LINES)]
EXPECTED = {name: echoed(f"Question {number}?", TOKENS) for number, name in enumerate(NAMES)}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory, server_binary: Path) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path_factory.mktemp("redis"), server_binary)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def site(redis: RedisProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BatchSite]:
    """All the tests' own; each leaves it running."""
    site = BatchSite(redis.url, tmp_path_factory.mktemp("site"), tokens_per_second=300)
    site.start()
    site.serve()
    site.final(site.submit([chat_line(0)]))
    yield site
    site.stop()


@pytest.fixture
def books(site: BatchSite) -> BatchBooks:
    return BatchBooks(site)


@pytest.fixture
def client(site: BatchSite) -> Iterator[OpenAI]:
    with site.openai() as client:
        yield client


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is killed when a reader has so many lines."""

    lines: int
    kill: Callable[[], None]


@pytest.fixture(params=range(2))
def faults(site: BatchSite, redis: RedisProcess, random: Random) -> list[Fault]:
    """One of everything, in an order and at places that are drawn; another round is another draw."""

    def kill_redis() -> None:
        redis.kill()
        redis.start()

    kills: list[Callable[[], None]] = [kill_redis]
    kills += [partial(process.send, signal.SIGKILL) for process in killed(site)]
    random.shuffle(kills)
    places = sorted(random.sample(range(100, LINES - 500), len(kills)))
    return [Fault(lines=place, kill=kill) for place, kill in zip(places, kills, strict=True)]


def killed(site: BatchSite) -> list[KeptProcess]:
    return [site.api, site.worker, site.runner]


def numbered() -> list[bytes]:
    return [chat_line(number, max_tokens=TOKENS) for number in range(LINES)]


def upload(client: OpenAI, lines: list[bytes]) -> str:
    return client.files.create(file=("in.jsonl", b"\n".join(lines)), purpose="batch").id


def create(client: OpenAI, file_id: str, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.batches.create(
        input_file_id=file_id, endpoint=ENDPOINT, completion_window="24h", extra_headers=named
    ).id


def downloaded(client: OpenAI, file_id: str | None) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()] if file_id else []


def counts(batch: Any) -> tuple[int, int, int]:
    """Of lines: all, those that were answered, those that were not."""
    told = batch.request_counts
    return told.total, told.completed, told.failed


def ended(client: OpenAI, batch_id: str) -> Any:
    """The batch, once it has ended."""
    wait_for(lambda: client.batches.retrieve(batch_id).status in FINAL, PATIENCE_SECONDS)
    return client.batches.retrieve(batch_id)


def test_each_line_is_run_and_read_once_while_everything_is_killed_one_after_the_other(
    site: BatchSite, client: OpenAI, books: BatchBooks, faults: list[Fault]
) -> None:
    lives = [len(process.exit_codes) for process in killed(site)]
    batch_id = create(client, upload(client, numbered()))
    reader = BatchReader(site, batch_id)

    for fault in faults:
        reader.until(fault.lines)
        fault.kill()

    assert reader.until_the_end() == "completed"
    for process, before in zip(killed(site), lives, strict=True):
        assert process.exit_codes[before:] == [-signal.SIGKILL], process.name
    check_answers(reader.answers(), EXPECTED)
    batch = ended(client, batch_id)
    assert counts(batch) == (LINES, LINES, 0)
    assert batch.usage.output_tokens == LINES * TOKENS
    assert batch.error_file_id is None
    assert client.files.content(batch.output_file_id).content.splitlines() == reader.lines
    books.close(batch_id)


def without_custom_id() -> bytes:
    line = json.loads(chat_line(4998))
    del line["custom_id"]
    return json.dumps(line).encode()


@pytest.mark.parametrize(
    ("bad", "blamed"),
    [
        (b'{"custom_id": "q-4998", ', ("invalid_json_line", None)),
        (without_custom_id(), ("missing_required_parameter", "custom_id")),
        (chat_line(0), ("duplicate_custom_id", "custom_id")),
    ],
    ids=["no JSON", "no custom_id", "that of line 1"],
)
def test_a_bad_line_4999_fails_the_batch_by_name_and_no_line_was_ever_in_redis(
    site: BatchSite, client: OpenAI, books: BatchBooks, bad: bytes, blamed: tuple[str, str | None]
) -> None:
    """*blamed* are the code of the error and the field that it names."""
    lines = numbered()
    lines[4998] = bad
    said = len(list(site.worker.events("attempt_finished")))

    batch = ended(client, create(client, upload(client, lines)))

    assert batch.status == "failed"
    [error] = batch.errors.data
    assert (error.line, error.code, error.param) == (4999, *blamed)
    assert error.message.startswith(": ".join(filter(None, ["Line 4999", error.param])))
    assert (batch.output_file_id, batch.error_file_id) == (None, None)
    assert len(list(site.worker.events("attempt_finished"))) == said
    books.close(batch.id)


def test_the_same_file_twice_is_two_batches_and_the_same_request_twice_is_one(
    site: BatchSite, client: OpenAI, books: BatchBooks
) -> None:
    file_id = upload(client, numbered())
    first = create(client, file_id, Idempotency_Key="first")
    second = create(client, file_id, Idempotency_Key="second")

    assert create(client, file_id, Idempotency_Key="first") == first != second
    readers = [BatchReader(site, first), BatchReader(site, second)]
    assert [reader.until_the_end() for reader in readers] == ["completed", "completed"]
    for reader in readers:
        check_answers(reader.answers(), EXPECTED)
    answers = [answer for reader in readers for answer in reader.answers()]
    assert len({answer["id"] for answer in answers}) == 2 * LINES
    assert len({answer["response"]["body"]["id"] for answer in answers}) == 2 * LINES
    assert create(client, file_id, Idempotency_Key="first") == first
    books.close(first, second)


def check_what_is_left(client: OpenAI, batch: Any, reader: BatchReader, code: str) -> None:
    """Of a batch that was ended before its time: every line once, with its answer or with the reason."""
    done, left = (downloaded(client, file_id) for file_id in (batch.output_file_id, batch.error_file_id))
    assert Counter(line["custom_id"] for line in [*done, *left]) == Counter(NAMES)
    assert 0 < len(done) < LINES
    check_answers(done, {line["custom_id"]: EXPECTED[line["custom_id"]] for line in done})
    assert done == reader.answers()
    assert {(line["response"], line["error"]["code"]) for line in left} == {(None, code)}
    assert counts(batch) == (LINES, len(done), len(left))


def test_of_a_batch_cancelled_half_way_each_line_has_its_answer_or_is_told_as_cancelled(
    site: BatchSite, client: OpenAI, books: BatchBooks, random: Random
) -> None:
    batch_id = create(client, upload(client, numbered()))
    reader = BatchReader(site, batch_id)
    half = LINES // 2 + random.randint(-200, 200)
    reader.until(half)

    assert client.batches.cancel(batch_id).status == "cancelling"

    assert reader.until_the_end() == "cancelled"
    assert len(reader.lines) >= half
    check_what_is_left(client, ended(client, batch_id), reader, "batch_cancelled")
    books.close(batch_id)


def test_of_a_batch_that_expires_half_way_each_line_has_its_answer_or_is_told_as_expired(
    site: BatchSite, client: OpenAI, books: BatchBooks, random: Random
) -> None:
    """The shortest window of the API is an hour: this batch is accepted without it."""
    batch_id = site.accept(upload(client, numbered()), window_seconds=60)
    reader = BatchReader(site, batch_id)
    reader.until(LINES // 2 + random.randint(-200, 200))
    operator = FrontierClient(site.url, TOKEN)
    operator.change_mode("m", "pause")
    try:
        assert reader.until_the_end() == "expired"
    finally:
        operator.change_mode("m", "resume")

    check_what_is_left(client, ended(client, batch_id), reader, "batch_expired")
    assert site.batch(batch_id).status is BatchStatus.EXPIRED
    books.close(batch_id)
