"""Faults of every kind, one soon after another."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from random import Random

import pytest

from tasks.app import WEBHOOKS
from tests.system.fleet import LEASE_SECONDS, MODEL, Fleet
from tests.system.history import History, Webhook
from tests.system.post import Post

Fault = Callable[[Fleet, Random], None]


def kill_a_worker(fleet: Fleet, random: Random) -> None:
    random.choice(fleet.workers).send(signal.SIGKILL)


def stop_a_worker_past_its_lease(fleet: Fleet, random: Random) -> None:
    worker = random.choice(fleet.workers)
    worker.send(signal.SIGSTOP)
    time.sleep(random.uniform(0.5, 2.0) * LEASE_SECONDS)
    worker.send(signal.SIGCONT)


def end_a_worker(fleet: Fleet, random: Random) -> None:
    random.choice(fleet.workers).send(signal.SIGTERM)


def kill_the_api(fleet: Fleet, random: Random) -> None:  # noqa: ARG001 - there is one
    fleet.api.send(signal.SIGKILL)


def kill_the_sender(fleet: Fleet, random: Random) -> None:  # noqa: ARG001 - there is one
    fleet.sender.send(signal.SIGKILL)


def end_the_sender(fleet: Fleet, random: Random) -> None:  # noqa: ARG001 - there is one
    fleet.sender.send(signal.SIGTERM)


def kill_redis(fleet: Fleet, random: Random) -> None:
    with fleet.redis_away(random.uniform(0.0, 3.0)):
        pass


def stop_redis(fleet: Fleet, random: Random) -> None:
    os.kill(fleet.redis.pid, signal.SIGSTOP)
    time.sleep(random.uniform(0.2, 3.0))
    os.kill(fleet.redis.pid, signal.SIGCONT)


def cut_all_connections(fleet: Fleet, random: Random) -> None:  # noqa: ARG001 - all is all
    fleet.cut_connections()


def empty_the_broker(fleet: Fleet, random: Random) -> None:  # noqa: ARG001 - empty is empty
    fleet.client.delete(f"frontier.{MODEL}", WEBHOOKS)


COST_LEASES = (kill_a_worker, stop_a_worker_past_its_lease)
"""No more than two of these, or a job may be given up for good reason."""

COST_NOTHING = (
    end_a_worker,
    kill_the_api,
    kill_the_sender,
    end_the_sender,
    kill_redis,
    stop_redis,
    cut_all_connections,
    empty_the_broker,
)


@pytest.mark.long
@pytest.mark.parametrize("round_", range(2))
def test_many_faults_in_a_row_lose_nothing(
    fleet: Fleet, history: History, post: Post, random: Random, round_: int
) -> None:
    del round_  # another one is another draw
    faults: list[Fault] = [*random.choices(COST_LEASES, k=2), *random.choices(COST_NOTHING, k=6)]
    random.shuffle(faults)
    post.receiver.start()
    endpoint = post.add(post.receiver.url("flaky", name="endpoint"))
    own = Webhook(url=post.receiver.url("flaky", name="own"), include_result=True)
    history.submit(10)
    with history.submitting(random.randint(80, 120), webhooks=[None, own]):
        for fault in faults:
            time.sleep(random.uniform(0.0, 1.0))
            fault(fleet, random)
    post.check(history.promises, endpoint)
    post.check([promise for promise in history.promises if promise.webhook])
    post.close()
