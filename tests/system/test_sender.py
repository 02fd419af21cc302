"""The sender: a real Celery process, and real faults done to it."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from jobs.connection import connect
from jobs.ids import new_id
from jobs.new_job import NewJob
from jobs.request import InferenceRequest, RequestType
from jobs.settings import StoreSettings
from jobs.signature import Secret
from jobs.store import JobStore
from jobs.webhooks.delivery import Delivery, DeliveryStatus
from jobs.webhooks.event import JOB_EVENTS
from jobs.webhooks.log import DeliveryLog
from jobs.webhooks.sealing import Sealer, new_key
from jobs.webhooks.secrets_store import SecretStore
from jobs.webhooks.webhook import JobWebhook
from tests.redis_process import RedisProcess
from tests.resilience.rude_server import OK, RudeServer
from tests.system.kept_process import KeptProcess, logged
from tests.system.worker_process import wait_for

TENANT = "default"
PATIENCE_SECONDS = 120.0
SENDER = ("-m", "celery", "-A", "tasks.webhooks", "worker", "--queues", "webhooks", "--pool=threads", "--loglevel=INFO")
WITHOUT_COMPANY = ("--without-gossip", "--without-mingle")


class Post:
    """Jobs that end, a sender that tells of it, and what the receiver got."""

    def __init__(self, folder: Path, redis_url: str, receiver: RudeServer) -> None:
        client = connect(redis_url)
        settings = StoreSettings(lease_seconds=2.0)
        self.store = JobStore(client, settings)
        self.log = DeliveryLog(client, settings)
        self.secret = Secret.new(os.urandom)
        self.receiver = receiver
        key = new_key()
        SecretStore(client, settings).ensure(TENANT, lambda: (Sealer([key]).seal(self.secret), self.secret.hint))
        env = {
            "REDIS_URL": redis_url,
            "FRONTIER_SECRET_KEY": key,
            "FRONTIER_LEASE_S": "2",
            "FRONTIER_SWEEP_S": "0.2",
            "FRONTIER_DISPATCH_GRACE_S": "2",
            "FRONTIER_WORKER_NAME": "post-1",
            "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
            "WEBHOOK_SCHEDULE": "0,0.2,0.2,0.2,0.2,0.2",
            "WEBHOOK_SENDER_THREADS": "8",
        }
        self.sender = KeptProcess("sender", (sys.executable, *SENDER, *WITHOUT_COMPANY), env, folder)

    def end_job(self) -> str:
        """Accept one and cancel it."""
        origin = f"http://127.0.0.1:{self.receiver.port}"
        request = InferenceRequest(model="m", type=RequestType.COMPLETION, prompt="Once")
        hook = JobWebhook(url=f"{origin}/in", origin=origin, events=JOB_EVENTS)
        job_id = new_id("job")
        self.store.accept(NewJob(id=job_id, tenant=TENANT, request=request, webhook=hook))
        self.store.cancel(TENANT, job_id)
        return job_id

    def wait_until_delivered(self, job_id: str) -> Delivery:
        [delivery] = self.log.of_job(TENANT, job_id)

        def is_delivered() -> bool:
            return self.log.find(TENANT, delivery.id).status is DeliveryStatus.DELIVERED

        wait_for(is_delivered, PATIENCE_SECONDS, tell=lambda: self.sender.log.read_text()[-4000:])
        return self.log.find(TENANT, delivery.id)

    def received(self) -> list[str]:
        """The id of every event that came, in turn; each is verified by another's code."""
        ids = []
        for request in list(self.receiver.requests):
            head, _, body = request.partition(b"\r\n\r\n")
            lines = [line.decode().partition(": ") for line in head.split(b"\r\n")[1:]]
            headers = {name.lower(): value for name, _, value in lines}
            Webhook(self.secret.text).verify(body, headers)
            ids.append(headers["webhook-id"])
        return ids


StartPost = Callable[..., Post]


@pytest.fixture
def start_post(tmp_path: Path) -> Iterator[StartPost]:
    with ExitStack() as cleanup:

        def start(redis_url: str, behave: Callable[[socket.socket], None] | None = None, **env: str) -> Post:
            receiver = cleanup.enter_context(RudeServer(behave or (lambda connection: connection.sendall(OK))))
            post = Post(tmp_path, redis_url, receiver)
            cleanup.callback(post.sender.end)
            post.sender.start(**env)
            return post

        yield start


def test_a_job_s_end_is_delivered_by_a_real_sender_which_ends_when_it_is_told(
    start_post: StartPost, redis_url: str
) -> None:
    post = start_post(redis_url)
    first = post.wait_until_delivered(post.end_job())
    second = post.wait_until_delivered(post.end_job())
    assert post.received() == [first.event_id, second.event_id]
    assert (first.attempt_count, first.attempts[0].status) == (1, 200)
    lines = list(logged(post.sender.log, "delivery_attempted"))
    assert [line["verdict"] for line in lines] == ["delivered", "delivered"]
    post.sender.end(signal.SIGTERM)
    assert post.sender.exit_codes == [0]


def test_a_sender_goes_on_when_redis_is_back(start_post: StartPost, redis_process: RedisProcess) -> None:
    post = start_post(redis_process.url)
    post.wait_until_delivered(post.end_job())
    redis_process.kill()
    redis_process.start()
    post.wait_until_delivered(post.end_job())
    assert post.sender.exit_codes == []


def test_jobs_expire_where_only_a_sender_runs(start_post: StartPost, redis_url: str) -> None:
    post = start_post(redis_url)
    request = InferenceRequest(model="m", type=RequestType.COMPLETION, prompt="Once")
    job_id = new_id("job")
    post.store.accept(NewJob(id=job_id, tenant=TENANT, request=request, start_within_seconds=0.1))
    wait_for(lambda: post.store.find(TENANT, job_id).state.value == "expired", PATIENCE_SECONDS)
