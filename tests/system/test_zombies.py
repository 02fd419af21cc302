"""Workers and senders that stand still past their leases and go on when others have taken over: they write nothing."""

from __future__ import annotations

import signal
from random import Random

import pytest

from jobs.job import JobState
from tests.system.books import Books
from tests.system.fleet import PATIENCE_SECONDS, Fleet
from tests.system.history import History
from tests.system.kept_process import KeptProcess
from tests.system.post import Post
from tests.system.worker_process import wait_for

REFUSALS = {
    "worker.before_emit": lambda event: event["event"] == "tokens_refused",
    "worker.before_finish": lambda event: event.get("answer") == "fenced",
}


@pytest.mark.parametrize(
    "failpoint", [pytest.param("worker.before_emit", marks=pytest.mark.long), "worker.before_finish"]
)
def test_what_a_worker_writes_after_others_have_claimed_its_jobs_is_refused(
    fleet: Fleet, history: History, books: Books, random: Random, failpoint: str
) -> None:
    zombie = random.choice(fleet.workers)
    fleet.restart(zombie, FRONTIER_FAILPOINTS=f"{failpoint}=stop@{random.randint(1, 4)}", FRONTIER_WATCHDOG_S="600")
    history.submit(random.randint(20, 40))
    wait_for(lambda: zombie.is_stopped, PATIENCE_SECONDS)
    held = {job.id for job in books.jobs() if job.state is JobState.RUNNING and job.worker == zombie.name}
    wait_for(lambda: not any(job.worker == zombie.name for job in books.jobs() if job.id in held), PATIENCE_SECONDS)

    zombie.send(signal.SIGCONT)
    wait_for(lambda: refused(zombie, failpoint) & held != set(), PATIENCE_SECONDS, tell=fleet.words)
    jobs = books.close()
    assert all(job.worker != zombie.name for job in jobs if job.id in held)


@pytest.mark.long
def test_what_a_sender_records_after_another_has_made_its_attempts_is_refused(
    fleet: Fleet, history: History, post: Post, random: Random
) -> None:
    post.receiver.start()
    zombie = fleet.sender
    fleet.restart(zombie, FRONTIER_FAILPOINTS=f"sender.before_settle=stop@{random.randint(1, 4)}")
    endpoint = post.add(post.receiver.url(name="endpoint"))
    promises = history.submit(12, seconds=(0.02, 0.05))
    wait_for(lambda: zombie.is_stopped, PATIENCE_SECONDS)
    with fleet.another_sender() as other:
        told = post.check(promises, endpoint)
        zombie.send(signal.SIGCONT)
        wait_for(lambda: verdicts(zombie, "fenced") != set(), PATIENCE_SECONDS, tell=fleet.words)
        assert verdicts(zombie, "fenced") <= verdicts(other, "delivered")
        assert post.check(promises, endpoint) == told
    post.close()


def verdicts(sender: KeptProcess, verdict: str) -> set[str]:
    """The deliveries of which a sender was told so."""
    attempted = sender.events("delivery_attempted")
    return {event["delivery_id"] for event in attempted if event["verdict"] == verdict}


def refused(zombie: KeptProcess, failpoint: str) -> set[str]:
    """The jobs for which the zombie has been told so."""
    events = zombie.events("tokens_refused", "attempt_finished")
    return {event["job_id"] for event in events if REFUSALS[failpoint](event)}
