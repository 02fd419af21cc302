"""A thousand readers that wait and clients that dawdle: others are answered, and each reader gets its tokens."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from urllib.parse import urlsplit

import pytest

from scripts.client import FrontierClient
from scripts.patience import Patience
from tests.system.books import Books
from tests.system.crowd import Crowd, percentile
from tests.system.fleet import MODEL, PATIENCE_SECONDS, TOKEN, Fleet
from tests.system.history import History

READERS = 1000
DAWDLERS = 40
SECONDS = 15.0
FILES = 4096
UNTIL_IT_ANSWERS = Patience(seconds=PATIENCE_SECONDS, first_answer_seconds=PATIENCE_SECONDS)
LIMITS = {"API_STREAMS_PER_KEY": "2000", "API_STREAMS_PER_PROCESS": "3000", "API_BODY_SECONDS": "5"}


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for all the connections, here and in what is started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"{READERS} readers need {FILES} open files; `ulimit -Hn` allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.long
@pytest.mark.usefixtures("many_files")
def test_a_thousand_readers_and_clients_that_dawdle_keep_nobody_waiting(
    fleet: Fleet, history: History, books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.store.set_mode(MODEL, "paused")
    promises = history.submit(20)
    asked = list(islice(cycle(promises), READERS))
    with fleet.another_api(**LIMITS) as (url, _):
        with FrontierClient(url, TOKEN, patience=UNTIL_IT_ANSWERS) as client:
            client.queues()
        crowd = Crowd(urlsplit(url).port or 0, TOKEN)

        async def meet() -> list[float]:
            readers = await crowd.follow(promise.job_id for promise in asked)
            async with crowd.dawdling(DAWDLERS):
                took = await crowd.health(SECONDS)
            assert not any(reader.done() for reader in readers)
            fleet.store.set_mode(MODEL, "running")
            for promise, told in zip(asked, await asyncio.gather(*readers), strict=True):
                tokens = [event for event in told if event.name == "token"]
                assert [event.id for event in tokens] == list(range(promise.tokens))
                assert "".join(event.data["text"] for event in tokens) == promise.text
                assert told[-1].name == "final"
            return took

        took = asyncio.run(meet())
    late = {answer.split(b" ")[1] if answer else b"" for answer in crowd.turned_away}
    assert len(crowd.turned_away) >= 2 * DAWDLERS
    assert late <= {b"", b"408"}
    p50, p99, worst = (percentile(took, share) * 1000 for share in (0.5, 0.99, 1.0))
    with capsys.disabled():
        sys.stdout.write(f"\n/health beside {READERS} readers: p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms\n")
    books.close()
