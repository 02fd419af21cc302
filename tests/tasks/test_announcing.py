from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from jobs.settings import StoreSettings
from jobs.webhooks.receivers import ReceiverRules
from scripts.ports import free_port
from tasks.announcing import Announcing
from tasks.app import DELIVER, WEBHOOKS, make_app
from tasks.ear import Ear
from tests.jobs.turned_clock import TurnedClock
from tests.jobs.webhooks.conftest import TENANT, PostRoom, webhook
from tests.redis_process import RedisProcess


@pytest.fixture
def post(redis_url: str) -> Iterator[PostRoom]:
    with TurnedClock.from_url(redis_url) as client:
        assert isinstance(client, TurnedClock)
        yield PostRoom(client, StoreSettings())


def announcing(post: PostRoom, redis_url: str, *, is_closing: bool = False) -> Announcing:
    return Announcing(post.outbox, make_app(redis_url), rules=ReceiverRules(), is_closing=lambda: is_closing)


def messages(client: Redis) -> list[tuple[str, str, Any]]:
    found: Any = client.lrange(WEBHOOKS, 0, -1)
    headers = [json.loads(message)["headers"] for message in reversed(found)]
    return [(one["task"], one["id"], one["argsrepr"]) for one in headers]


def test_each_delivery_that_is_due_goes_out_as_one_message(post: PostRoom, redis_client: Redis, redis_url: str) -> None:
    post.cancelled(webhook=webhook(url="https://a.example/", origin="https://a.example"))
    post.cancelled(webhook=webhook(url="https://b.example/", origin="https://b.example"))
    assert announcing(post, redis_url).announce() == 2
    assert announcing(post, redis_url).announce() == 0
    ids = {delivery.id for delivery in post.log.page(TENANT).deliveries}
    assert {(task, one, arguments) for task, one, arguments in messages(redis_client)} == {
        (DELIVER, one, repr((TENANT, one))) for one in ids
    }


def test_a_message_that_nobody_claims_is_published_again(post: PostRoom, redis_client: Redis, redis_url: str) -> None:
    post.cancelled()
    announcing(post, redis_url).announce()
    post.wait(post.outbox.settings.dispatch_grace_seconds)
    assert announcing(post, redis_url).announce() == 1
    assert len(messages(redis_client)) == 2


def test_what_the_broker_refuses_waits_for_the_next_round(post: PostRoom, redis_client: Redis, redis_url: str) -> None:
    post.cancelled()
    assert announcing(post, f"redis://127.0.0.1:{free_port()}/0").announce() == 0
    assert messages(redis_client) == []
    assert announcing(post, redis_url).announce() == 1


def test_a_sender_that_ends_announces_nothing(post: PostRoom, redis_client: Redis, redis_url: str) -> None:
    post.cancelled()
    assert announcing(post, redis_url, is_closing=True).announce() == 0
    assert messages(redis_client) == []


def test_word_of_a_job_s_end_is_heard_at_once_and_again_after_redis_was_away(redis_process: RedisProcess) -> None:
    told = threading.Semaphore(0)
    with TurnedClock.from_url(redis_process.url) as client:
        assert isinstance(client, TurnedClock)
        post = PostRoom(client, StoreSettings())
        ear = Ear(client, post.outbox.keys.name("outbox"), lambda _: told.release())
        ear.start()
        assert told.acquire(timeout=60)  # it begins to hear
        post.cancelled()
        assert told.acquire(timeout=60)
        redis_process.stop()
        redis_process.start()
        assert told.acquire(timeout=60)
        post.cancelled()
        assert told.acquire(timeout=60)
        ear.stop()
