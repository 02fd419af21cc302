"""From OpenAI's client to a receiver and back: the API, a sender and a server of somebody's, each as it runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from standardwebhooks.webhooks import Webhook

from jobs.webhooks.sealing import new_key
from scripts.ports import free_port
from tests.api.conftest import MODELS, TOKEN
from tests.api.gunicorn_process import GunicornProcess
from tests.resilience.rude_server import OK, RudeServer
from tests.system.kept_process import KeptProcess
from tests.system.test_sender import SENDER, WITHOUT_COMPANY
from tests.system.worker_process import wait_for


@dataclass(frozen=True, kw_only=True)
class Site:
    client: OpenAI
    api: GunicornProcess
    receiver: RudeServer

    def endpoint(self, port: int, *event_types: Any) -> Any:
        return self.client.webhooks.create(
            name="orders", url=f"http://127.0.0.1:{port}/in", event_types=list(event_types)
        )

    def received(self, count: int, secret: str) -> list[Any]:
        """The first *count* events that came, verified by the code of two others."""
        wait_for(lambda: len(self.receiver.requests) >= count, 120)
        events = []
        unwrap = OpenAI(api_key="not needed here").webhooks.unwrap
        for request in self.receiver.requests[:count]:
            head, _, body = request.partition(b"\r\n\r\n")
            lines = [line.decode().partition(": ") for line in head.split(b"\r\n")[1:]]
            headers = {name.lower(): value for name, _, value in lines}
            Webhook(secret).verify(body, headers)
            assert unwrap(body, headers, secret=secret).id == headers["webhook-id"]
            events.append(json.loads(body))
        return events


@pytest.fixture
def site(redis_url: str, tmp_path: Path) -> Iterator[Site]:
    config = tmp_path / "models.yaml"
    config.write_text(MODELS)
    env = {
        "REDIS_URL": redis_url,
        "TRUTHGPT_CONFIG": str(config),
        "FRONTIER_SECRET_KEY": new_key(),
        "FRONTIER_WORKER_NAME": "post-1",
        "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
    }
    with ExitStack() as cleanup:
        receiver = cleanup.enter_context(RudeServer(lambda connection: connection.sendall(OK)))
        sender = KeptProcess("sender", (sys.executable, *SENDER, *WITHOUT_COMPANY), env, tmp_path)
        cleanup.callback(sender.end)
        sender.start()
        api = GunicornProcess(env, tmp_path / "api.log")
        cleanup.callback(api.close)
        base = f"http://127.0.0.1:{api.port}/v1"
        client = cleanup.enter_context(
            OpenAI(base_url=base, api_key=TOKEN, max_retries=0, _strict_response_validation=True)
        )
        yield Site(client=client, api=api, receiver=receiver)


def test_a_test_goes_out_and_its_answer_comes_back(site: Site) -> None:
    endpoint = site.endpoint(site.receiver.port, "response.completed")

    result = site.client.webhooks.test(endpoint.id, event_type="response.completed")

    assert (result.success, result.status_code) == (True, 200)
    (event,) = site.received(1, endpoint.signing_secret)
    assert (event["type"], event["data"]["id"]) == ("response.completed", "resp_test")


def test_a_test_of_a_server_that_is_not_there_says_so(site: Site) -> None:
    endpoint = site.endpoint(free_port(), "response.completed")

    with pytest.raises(openai.InternalServerError) as refused:
        site.client.webhooks.test(endpoint.id, event_type="response.completed")

    assert (refused.value.status_code, refused.value.code) == (502, "endpoint_not_reached")
    assert "connect" in str(refused.value)


def test_the_end_of_a_job_reaches_an_endpoint_and_stands_in_the_log(site: Site) -> None:
    endpoint = site.endpoint(site.receiver.port, "job.cancelled")
    job_id = site.api.send("POST", "/v1/jobs", {"input": {"prompt": "Hark!"}}).json["id"]
    site.api.send("POST", f"/v1/jobs/{job_id}/cancel")

    (event,) = site.received(1, endpoint.signing_secret)
    assert (event["type"], event["data"]["id"]) == ("job.cancelled", job_id)
    assert site.api.send("GET", "/v1/events").json["data"] == [event]

    def log() -> Any:
        (delivery,) = site.api.send("GET", f"/v1/jobs/{job_id}/deliveries").json["data"]
        return delivery

    wait_for(lambda: log()["status"] == "delivered", 120)
    (attempt,) = site.api.send("GET", log()["links"]["self"]).json["attempts"]
    assert (attempt["status_code"], "error" in attempt) == (200, False)
