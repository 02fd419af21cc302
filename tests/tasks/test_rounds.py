from __future__ import annotations

from threading import Event, Semaphore

from tasks.rounds import Rounds


def test_nudges_that_come_together_are_answered_by_one_round() -> None:
    rounds_begun, may_go_on = Semaphore(0), Event()

    def work() -> None:
        rounds_begun.release()
        assert may_go_on.wait(10)

    rounds = Rounds("test", work, lambda: None, gather_seconds=0.001)
    rounds.start()
    assert rounds_begun.acquire(timeout=60)
    for _ in range(5):
        rounds.nudge()
    may_go_on.set()
    assert rounds_begun.acquire(timeout=60)
    rounds.nudge()
    assert rounds_begun.acquire(timeout=60)
    rounds.stop()
    assert not rounds_begun.acquire(blocking=False)
