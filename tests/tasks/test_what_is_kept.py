"""What the record keeps of an attempt: text and usage of one that ended early, log probabilities, vectors."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobs.job import JobState
from jobs.request import InferenceRequest, RequestType, SamplingParams
from models.engine import EngineError
from models.scripted import Reply, ScriptedEngine
from tasks.running import StopReason
from tests.tasks.desk import MODEL

Desks = Callable[..., Any]

ENDLESS = Reply(pieces=("so", " it", " goes"), is_endless=True)


@pytest.mark.parametrize(
    ("reason", "state"), [(StopReason.CANCELLED, JobState.CANCELLED), (StopReason.OUT_OF_TIME, JobState.FAILED)]
)
def test_an_attempt_that_is_stopped_keeps_its_text_and_counts_what_it_has_used(
    make_desk: Desks, reason: StopReason, state: JobState
) -> None:
    desk = make_desk(engine=ScriptedEngine(lambda _: ENDLESS, slots=4, step_seconds=0.01))
    job_id = desk.submit("Once upon a time", max_tokens=4000)
    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(desk.attempts.run, job_id)
        attempt = desk.wait_for_attempt()
        while attempt.new_tokens < 3:
            desk.emitter.flush()
        desk.running.stop(attempt, reason)
        assert outcome.result(timeout=60) == f"ok: {state}"
    job = desk.find(job_id)
    log = desk.store.tokens("default", job_id)
    assert len(log) >= 3
    assert job.text == log.text
    assert job.text.startswith("so it goes")
    assert (job.usage.prompt_tokens, job.usage.completion_tokens) == (4, len(log))
    assert job.usage.engine_seconds > 0


def test_an_engine_that_fails_for_good_leaves_the_text_so_far(make_desk: Desks) -> None:
    desk = make_desk(lambda _: Reply(pieces=("so", " it"), error=EngineError("it broke")))
    job_id = desk.submit(max_attempts=1)
    assert desk.attempts.run(job_id) == "ok: failed"
    job = desk.find(job_id)
    assert (job.text, job.error.code, job.usage.prompt_tokens) == ("so it", "engine_error", 1)


def test_log_probabilities_are_recorded_with_their_tokens_and_survive_a_new_attempt(make_desk: Desks) -> None:
    desk = make_desk(lambda _: Reply("four words are said"))
    request = InferenceRequest(
        model=MODEL, type=RequestType.COMPLETION, prompt="Once", params=SamplingParams(max_tokens=8, logprobs=1)
    )
    whole, again = desk.submit_request(request), desk.submit_request(request)
    desk.attempts.run(whole)
    log = desk.store.tokens("default", whole)
    assert [one.chosen.text for one in log.logprobs] == ["four", " words", " are", " said"]
    lost = desk.store.claim(again, model=MODEL, worker="w0", claim_id="c", can_continue=True)
    desk.emit(lost, log.since(0), 2)
    desk.lose(lost)
    desk.attempts.run(again)
    assert desk.store.tokens("default", again) == log


def test_the_vectors_of_an_embedding_are_its_result(make_desk: Desks) -> None:
    desk = make_desk(engine=ScriptedEngine(slots=4, dimensions=3))
    request = InferenceRequest(model=MODEL, type=RequestType.EMBEDDING, inputs=("one", (1, 2), "one"))
    job_id = desk.submit_request(request)
    assert desk.attempts.run(job_id) == "ok: succeeded"
    job = desk.find(job_id)
    assert job.request == request
    assert len(job.vectors) == 3
    assert job.vectors[0] == job.vectors[2] != job.vectors[1]
