from __future__ import annotations

from typing import Any

import pytest
import redis

from jobs.answers import Emission
from jobs.job import Lease
from models.engine import Token
from tasks.emitter import CHECKPOINT_SECONDS, Emitter
from tasks.running import RunningAttempt, RunningAttempts, StopReason
from tests.tasks.desk import Desk


class Bench:
    """An emitter with a clock of the test's own, and one running attempt."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.now = 100.0
        self.cancelled: list[str] = []
        self.running = RunningAttempts(self.cancelled.append)
        self.emitter = Emitter(desk.store, self.running, lambda: self.now)
        self.emitter.flush()
        job_id = desk.submit()
        lease = desk.store.claim(job_id, model="m", worker="w1", claim_id="c", can_continue=True)
        assert isinstance(lease, Lease)
        self.attempt = RunningAttempt(lease, claimed_at=self.now, clock=lambda: self.now)
        self.running.add(self.attempt)
        self._receive = self.emitter.receiver(self.attempt)

    def say(self, *pieces: str) -> None:
        for piece in pieces:
            self._receive(Token(len(self.attempt.ids), len(piece), piece))

    @property
    def stored(self) -> str:
        return "".join(self.desk.store.tokens("default", self.attempt.lease.job_id)[1])


@pytest.fixture
def bench(make_desk: Any) -> Bench:
    return Bench(make_desk())


def test_the_first_token_is_recorded_at_once_and_the_rest_at_the_next_checkpoint(bench: Bench) -> None:
    bench.say("to")
    bench.emitter.flush()
    bench.say(" be", " or")
    bench.emitter.flush()
    assert bench.stored == "to"
    bench.now += CHECKPOINT_SECONDS
    bench.emitter.flush()
    assert bench.stored == "to be or"


def test_tokens_that_somebody_reads_are_recorded_in_every_round(bench: Bench) -> None:
    bench.attempt.is_streamed = True
    for piece in ("to", " be", " or"):
        bench.say(piece)
        bench.emitter.flush()
        assert bench.stored.endswith(piece)


def test_an_attempt_that_is_fenced_is_stopped(bench: Bench) -> None:
    bench.say("to")
    bench.desk.store.release(bench.attempt.lease)
    bench.emitter.flush()
    assert bench.attempt.stop_reason is StopReason.LEASE_LOST
    assert bench.cancelled == [bench.attempt.lease.job_id]
    assert not bench.stored


def test_an_answer_that_was_lost_on_the_way_doubles_no_token(bench: Bench) -> None:
    bench.say("to", " be")
    bench.desk.store.emit([Emission(bench.attempt.lease, 0, bench.attempt.ids, bench.attempt.pieces)])
    bench.emitter.flush()
    bench.say(" or")
    bench.now += CHECKPOINT_SECONDS
    bench.emitter.flush()
    assert bench.stored == "to be or"


def test_the_thread_records_a_first_token_without_being_asked(bench: Bench, redis_client: redis.Redis) -> None:
    reader = redis_client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    reader.subscribe(bench.desk.store.keys.tenant("default", "wake", bench.attempt.lease.job_id))
    reader.get_message(timeout=5)
    bench.desk.store.stream("default", bench.attempt.lease.job_id)
    bench.emitter.start()
    try:
        bench.say("to")
        assert reader.get_message(timeout=10) is not None
        assert bench.stored == "to"
    finally:
        bench.emitter.stop()
        reader.close()
