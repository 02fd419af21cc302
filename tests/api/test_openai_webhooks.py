"""OpenAI's own client manages endpoints, unchanged and strict about every answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from jobs.signature import Secret, signed_headers
from tests.api.conftest import RECEIVER, SECRET_KEY, TOKEN, Sender, Worker
from tests.api.gunicorn_process import GunicornProcess

UNKNOWN = f"we_{'0' * 22}"


@pytest.fixture(scope="module")
def server(
    redis_server: str, catalog_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GunicornProcess]:
    env = {
        "REDIS_URL": redis_server,
        "TRUTHGPT_CONFIG": str(catalog_file),
        "FRONTIER_SECRET_KEY": SECRET_KEY,
        "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
    }
    process = GunicornProcess(env, tmp_path_factory.mktemp("gunicorn") / "log")
    yield process
    process.close()


@pytest.fixture
def client(server: GunicornProcess, redis_url: str) -> Iterator[OpenAI]:
    del redis_url
    base = f"http://127.0.0.1:{server.port}/v1"
    with OpenAI(base_url=base, api_key=TOKEN, max_retries=0, _strict_response_validation=True) as client:
        yield client


def made(client: OpenAI, name: str = "orders") -> Any:
    return client.webhooks.create(name=name, url=RECEIVER, event_types=["response.completed", "batch.failed"])


def test_an_endpoint_is_made_found_changed_and_deleted(client: OpenAI) -> None:
    new = made(client)
    assert new.signing_secret.startswith("whsec_")
    assert (new.object, new.event_types) == ("webhook_endpoint", ["response.completed", "batch.failed"])

    found = client.webhooks.retrieve(new.id)
    assert (found.name, found.url, found.created_at) == ("orders", RECEIVER, new.created_at)
    assert found.signing_secret_hint == f"whsec_…{new.signing_secret[-4:]}"
    assert not hasattr(found, "signing_secret")

    changed = client.webhooks.update(new.id, name="bills", event_types=["batch.completed"])
    assert (changed.name, changed.url, changed.event_types) == ("bills", RECEIVER, ["batch.completed"])

    deleted = client.webhooks.delete(new.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (new.id, True, "webhook_endpoint.deleted")
    with pytest.raises(openai.NotFoundError) as refused:
        client.webhooks.retrieve(new.id)
    assert refused.value.code == "endpoint_not_found"


def test_the_list_goes_from_page_to_page(client: OpenAI) -> None:
    ids = {made(client, f"n{number}").id for number in range(5)}

    listed = [endpoint.id for endpoint in client.webhooks.list(limit=2)]

    assert len(listed) == 5
    assert set(listed) == ids


@pytest.mark.parametrize("options", [{}, {"keep_old_secret_active_for_24_hours": True}])
def test_a_secret_is_rotated(client: OpenAI, options: Any) -> None:
    new = made(client)

    rotated = client.webhooks.rotate_secret(new.id, **options)

    assert rotated.signing_secret != new.signing_secret
    assert client.webhooks.retrieve(new.id).signing_secret_hint == f"whsec_…{rotated.signing_secret[-4:]}"


def test_a_test_is_sent_and_its_event_unwraps(client: OpenAI, sender: Sender) -> None:
    new = made(client)
    sent: list[Any] = []

    def serve() -> None:
        while not sent:
            sent.extend(sender.send(204))
            threading.Event().wait(0.01)

    serving = threading.Thread(target=serve)
    serving.start()
    result = client.webhooks.test(new.id, event_type="response.completed")
    serving.join()

    assert (result.object, result.success, result.status_code) == ("webhook_endpoint.test", True, 204)
    assert (result.webhook_endpoint_id, result.event_type) == (new.id, "response.completed")
    (lease,) = sent
    headers = signed_headers([Secret.parse(new.signing_secret)], lease.event_id, int(time.time()), lease.body)
    event: Any = client.webhooks.unwrap(lease.body, headers, secret=new.signing_secret)
    assert (event.type, event.id, event.data.id) == ("response.completed", lease.event_id, "resp_test")


def test_the_end_of_a_response_is_told_and_unwraps(client: OpenAI, worker: Worker, sender: Sender) -> None:
    new = client.webhooks.create(name="answers", url=RECEIVER, event_types=["response.completed"])
    made = client.responses.create(model="poet", input="Hark!", background=True)
    worker.run(made.id)

    (lease,) = sender.send(204)

    headers = signed_headers([Secret.parse(new.signing_secret)], lease.event_id, int(time.time()), lease.body)
    event: Any = client.webhooks.unwrap(lease.body, headers, secret=new.signing_secret)
    assert (event.type, event.data.id, event.data.object) == ("response.completed", made.id, "response")
    assert client.responses.retrieve(event.data.id).output_text == "Who knocks?"


def test_the_types_of_events_are_listed(client: OpenAI) -> None:
    types = client.webhooks.event_types.list()

    assert types.object == "list"
    assert {"job.succeeded", "response.completed", "batch.failed"} <= set(types.data)


def test_a_refusal_is_an_error_of_the_client(client: OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client.webhooks.create(name="orders", url="https://10.0.0.8/", event_types=["response.completed"])
    assert (refused.value.code, refused.value.param) == ("url_not_allowed", "url")

    with pytest.raises(openai.NotFoundError):
        client.webhooks.rotate_secret(UNKNOWN)
