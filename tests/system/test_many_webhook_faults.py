"""A receiver that fails, drops and dies, and a sender and workers that die: each job is told of all the same."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from random import Random

import pytest

from tests.system.fleet import Fleet
from tests.system.history import History, Webhook
from tests.system.post import Post

Fault = Callable[[Fleet, Post, Random], None]


def kill_a_worker(fleet: Fleet, post: Post, random: Random) -> None:  # noqa: ARG001 - workers alone
    random.choice(fleet.workers).send(signal.SIGKILL)


def kill_the_sender(fleet: Fleet, post: Post, random: Random) -> None:  # noqa: ARG001 - there is one
    fleet.sender.send(signal.SIGKILL)


def end_the_sender(fleet: Fleet, post: Post, random: Random) -> None:  # noqa: ARG001 - there is one
    fleet.sender.send(signal.SIGTERM)


def kill_the_receiver(fleet: Fleet, post: Post, random: Random) -> None:  # noqa: ARG001 - there is one
    post.receiver.process.send(signal.SIGKILL)


def keep_the_receiver_away(fleet: Fleet, post: Post, random: Random) -> None:  # noqa: ARG001 - receiver alone
    post.receiver.process.end()
    time.sleep(random.uniform(0.5, 3.0))
    post.receiver.start()


FEW: tuple[Fault, ...] = (kill_the_receiver, kill_the_sender)
MANY: tuple[Fault, ...] = (
    kill_a_worker,
    kill_a_worker,
    kill_the_sender,
    kill_the_sender,
    kill_the_sender,
    end_the_sender,
    kill_the_receiver,
    kill_the_receiver,
    keep_the_receiver_away,
)
"""No more than two kills of workers, or a job may be given up for good reason."""


@pytest.mark.parametrize(
    "load", [pytest.param((60, FEW), id="few"), pytest.param((500, MANY), id="many", marks=pytest.mark.long)]
)
def test_each_job_is_told_of_whatever_dies_or_fails_meanwhile(
    fleet: Fleet, history: History, post: Post, random: Random, load: tuple[int, tuple[Fault, ...]]
) -> None:
    count, faults = load
    post.receiver.start()
    endpoint = post.add(post.receiver.url("flaky", name="endpoint"))
    own = Webhook(url=post.receiver.url("flaky", name="own"))
    full = Webhook(url=post.receiver.url("flaky", name="full"), include_result=True)
    with history.submitting(count, seconds=(0.1, 0.4), webhooks=[None, own, None, full]) as promises:
        for fault in random.sample(faults, len(faults)):
            time.sleep(random.uniform(0.0, 2.0))
            fault(fleet, post, random)

    told = post.check(promises, endpoint) + post.check([promise for promise in promises if promise.webhook])
    assert {attempt.error for delivery in told for attempt in delivery.attempts} >= {None, "status"}
    assert len(post.receiver.received()) > len(told)
    post.close()
