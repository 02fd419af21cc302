from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from jobs.answers import Emission
from models.scripted import Reply

Desks = Callable[..., Any]


def test_an_attempt_outlives_the_lost_answer_to_an_emission(make_desk: Desks) -> None:
    ends = Event()
    desk = make_desk(lambda _: Reply("four words are said", released=ends))
    job_id = desk.submit()
    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(desk.attempts.run, job_id)
        attempt = desk.wait_for_attempt()
        attempt.ids += [1, 2, 3]
        attempt.pieces += ["a", "b", "c"]
        desk.store.emit([Emission(attempt.lease, 0, [1, 2], ["a", "b"])])
        desk.emitter.flush()
        assert (attempt.stop_reason, attempt.emitted) == (None, 2)
        attempt.is_streamed = True
        desk.emitter.flush()
        assert attempt.emitted == 3
        ends.set()
        assert outcome.result(timeout=60) == "ok: succeeded"


def test_tokens_that_go_with_the_outcome_do_not_go_before_it(make_desk: Desks) -> None:
    ends = Event()
    desk = make_desk(lambda _: Reply("four words are said", released=ends))
    job_id = desk.submit()
    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(desk.attempts.run, job_id)
        attempt = desk.wait_for_attempt()
        attempt.ids.append(1)
        attempt.pieces.append("a")
        attempt.is_ending = True
        desk.emitter.flush()
        assert attempt.emitted == 0
        attempt.is_ending = False
        desk.emitter.flush()
        assert attempt.emitted == 1
        ends.set()
        assert outcome.result(timeout=60) == "ok: succeeded"
