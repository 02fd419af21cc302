"""Which results a worker keeps for others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from jobs.connection import connect
from jobs.job import JobState
from jobs.known_result import unpack_result
from jobs.lease import Lease
from jobs.new_job import Reuse
from jobs.request import InferenceRequest, RequestType, SamplingParams
from jobs.token_run import TokenRun
from models.engine import RequestRefused
from models.scripted import Reply
from resilience.result_cache.result_cache import ResultCache
from resilience.result_cache.settings import CacheSettings
from tasks.attempt import Attempts
from tasks.keeping import ResultKeeper
from tests.redis_process import RedisProcess
from tests.tasks.desk import MODEL, Desk

DIGEST = "0" * 32
KEPT = Reuse(digest=DIGEST, keep_seconds=60)
PREFIX = "frontier:cache:"


MakeDesk = Callable[..., Desk]


def keeping(desk: Desk, *, before: Callable[[], object] = lambda: None) -> Attempts:
    """The attempts of a worker that keeps results; *before* happens between the record and that."""
    keeper = ResultKeeper(cache=cache_of(desk), keys=desk.store.keys)

    def keep(*arguments: Any) -> None:
        before()
        keeper.keep(*arguments)

    return replace(desk.attempts, revision="r1", keep=keep)


def cache_of(desk: Desk) -> ResultCache:
    return ResultCache(CacheSettings(), desk.client, prefix=PREFIX)


def kept(desk: Desk) -> bytes | None:
    return cache_of(desk).get(DIGEST, stamp="r1", asker="acme")


@pytest.fixture
def mortal_desk(redis_process: RedisProcess) -> Iterator[Desk]:
    """A worker on a server of its own."""
    with connect(redis_process.url, socket_timeout_seconds=2) as client:
        desk = Desk(client, {})
        yield desk
        desk.engine.close()
        client.connection_pool.disconnect()


def test_a_text_its_tokens_and_log_probabilities_are_kept_under_the_revision_that_made_them(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk({"Once": " upon a time"})
    request = InferenceRequest(
        model=MODEL, type=RequestType.COMPLETION, prompt="Once", params=SamplingParams(max_tokens=2, logprobs=0)
    )
    job_id = desk.submit_request(request, reuse=KEPT)
    assert keeping(desk).run(job_id) == "ok: succeeded"

    found = kept(desk)
    assert found is not None
    result, tokens = unpack_result(found), desk.store.tokens("default", job_id)
    assert (result.outcome.text, result.outcome.finish_reason, result.outcome.made_by) == (" upon a", "length", "r1")
    assert (result.tokens, len(tokens.logprobs)) == (tokens, 2)
    assert result.outcome.usage.cached_tokens == 1 + 2


@pytest.mark.parametrize("reuse", [None, Reuse(digest=DIGEST)])
def test_a_job_that_does_not_share_its_result_leaves_none(make_desk: MakeDesk, reuse: Reuse | None) -> None:
    desk = make_desk()
    assert keeping(desk).run(desk.submit(reuse=reuse)) == "ok: succeeded"

    assert kept(desk) is None


def test_a_worker_that_does_not_know_its_revision_leaves_none(make_desk: MakeDesk) -> None:
    desk = make_desk()
    assert replace(keeping(desk), revision=None).run(desk.submit(reuse=KEPT)) == "ok: succeeded"

    assert kept(desk) is None


def test_a_refused_job_leaves_no_result(make_desk: MakeDesk) -> None:
    desk = make_desk({"Once": Reply(error=RequestRefused("no", code="too_long", field="input"))})
    assert keeping(desk).run(desk.submit(reuse=KEPT)) == "ok: failed"

    assert kept(desk) is None


def test_what_goes_on_from_another_attempt_s_tokens_is_nobody_else_s(make_desk: MakeDesk) -> None:
    desk = make_desk({"Once": " upon a time"})
    job_id = desk.submit(reuse=KEPT)
    lease = desk.store.claim(job_id, model=MODEL, worker="w1", claim_id="c1", can_continue=True)
    assert isinstance(lease, Lease)
    desk.emit(lease, TokenRun(ids=(1,), pieces=(" upon",)), 1)
    desk.lose(lease)
    assert keeping(desk).run(job_id) == "ok: succeeded"

    assert (desk.find(job_id).state, desk.find(job_id).made_by, kept(desk)) == (JobState.SUCCEEDED, None, None)


def test_what_is_erased_before_it_is_kept_is_not_kept(make_desk: MakeDesk) -> None:
    desk = make_desk()
    job_id = desk.submit(reuse=KEPT)
    attempts = keeping(desk, before=lambda: desk.store.erase("default", job_id))
    assert attempts.run(job_id) == "ok: succeeded"

    assert kept(desk) is None


def test_a_redis_that_dies_between_the_record_and_the_keeping_costs_the_entry_alone(
    mortal_desk: Desk, redis_process: RedisProcess
) -> None:
    job_id = mortal_desk.submit(reuse=KEPT)

    assert keeping(mortal_desk, before=redis_process.kill).run(job_id) == "ok: succeeded"
    redis_process.start()
    assert kept(mortal_desk) is None
    assert keeping(mortal_desk).run(mortal_desk.submit(reuse=KEPT)) == "ok: succeeded"
    assert kept(mortal_desk) is not None


def test_a_job_succeeds_though_redis_is_full_when_its_result_is_to_be_kept(mortal_desk: Desk) -> None:
    job_id = mortal_desk.submit(reuse=KEPT)
    attempts = keeping(mortal_desk, before=lambda: mortal_desk.client.config_set("maxmemory", 1))
    assert attempts.run(job_id) == "ok: succeeded"

    assert (mortal_desk.find(job_id).state, kept(mortal_desk)) == (JobState.SUCCEEDED, None)
