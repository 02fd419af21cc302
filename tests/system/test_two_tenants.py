"""Two tenants on one deployment: each sees its own alone, and nothing that is kept or logged tells a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import requests
from standardwebhooks.webhooks import Webhook

from tests.resilience.rude_server import OK, RudeServer
from tests.system.fleet import MODEL, PATIENCE_SECONDS, TOKEN, Fleet
from tests.system.worker_process import wait_for

SCOPES = ["jobs:write", "jobs:read", "webhooks:manage"]
JOBS = 5


class Holder:
    """Somebody with a key, and a receiver of webhooks."""

    def __init__(self, urls: list[str], key: str, receiver: RudeServer) -> None:
        self.urls = urls
        self.key = key
        self.receiver = receiver

    def send(self, method: str, path: str, json: Any = None, *, url: str | None = None, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        return requests.request(method, (url or self.urls[0]) + path, json=json, headers=headers, timeout=60, **options)

    def listen(self) -> str:
        """Register the receiver; the secret."""
        url = f"http://127.0.0.1:{self.receiver.port}/in"
        body = {"name": "in", "url": url, "event_types": ["job.succeeded"]}
        return str(self.send("POST", "/v1/webhook_endpoints", body).json()["signing_secret"])

    def submit(self, tokens: int = 5) -> str:
        body = {"input": {"prompt": "Who knocks?"}, "params": {"max_tokens": tokens}, "webhook": {"url": self.own_url}}
        answer = self.send("POST", "/v1/jobs", body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    @property
    def own_url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}/own"

    def read(self, job_id: str, names: list[str]) -> None:
        """Keep the *names* of a stream's events, up to the last or until it is cut off."""
        with (
            self.send("GET", f"/v1/jobs/{job_id}/events", stream=True) as response,
            suppress(requests.exceptions.ChunkedEncodingError),
        ):
            lines = response.iter_lines()
            names.extend(line.decode().removeprefix("event: ") for line in lines if line.startswith(b"event: "))

    def status(self, job_id: str) -> str:
        return str(self.send("GET", f"/v1/jobs/{job_id}").json()["status"])

    def told(self, path: bytes) -> list[tuple[bytes, dict[str, str]]]:
        """Bodies and headers of what came in at *path*."""
        came = []
        for request in list(self.receiver.requests):
            head, _, body = request.partition(b"\r\n\r\n")
            first, *lines = head.split(b"\r\n")
            if path in first:
                pairs = (line.decode().partition(": ") for line in lines)
                came.append((body, {name.lower(): value for name, _, value in pairs}))
        return came


@pytest.fixture
def holders(fleet: Fleet) -> Iterator[list[Holder]]:
    """Of two tenants, over two API processes."""
    with ExitStack() as cleanup:
        other, _ = cleanup.enter_context(fleet.another_api())
        found = []
        for tenant in ("acme", "beta"):
            receiver = cleanup.enter_context(RudeServer(lambda connection: connection.sendall(OK)))
            found.append(holder_of(tenant, [fleet.url, other], receiver))
        yield found


def holder_of(tenant: str, urls: list[str], receiver: RudeServer) -> Holder:
    """Somebody with a new key of a tenant."""
    body = {"tenant": tenant, "scopes": SCOPES}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    made = requests.post(f"{urls[0]}/v1/admin/keys", json=body, headers=headers, timeout=60)
    return Holder(urls, made.json()["key"], receiver)


def operate(fleet: Fleet, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    requests.request(method, fleet.url + path, headers=headers, timeout=60).raise_for_status()


def kept(fleet: Fleet) -> bytes:
    """All that Redis has been told since it started, and its keys."""
    files = [file for file in (fleet.folder / "redis").rglob("*") if file.is_file()]
    names: Any = fleet.client.keys("*")
    return b"".join(file.read_bytes() for file in files) + b"\n".join(names)


def logged(fleet: Fleet) -> bytes:
    return b"".join(file.read_bytes() for file in fleet.folder.glob("*.log"))


def test_each_tenant_has_its_own_and_a_revoked_key_ends_on_every_process(fleet: Fleet, holders: list[Holder]) -> None:
    acme, beta = holders
    secrets = {holder.key: holder.listen() for holder in holders}
    jobs = {holder.key: [holder.submit() for _ in range(JOBS)] for holder in holders}
    for holder in holders:
        names: list[str] = []
        holder.read(jobs[holder.key][0], names)
        assert (names[0], names[-1], names.count("token")) == ("snapshot", "final", 5)

    spare = holder_of("acme", acme.urls, acme.receiver)
    operate(fleet, "POST", f"/v1/models/{MODEL}/pause")
    waiting = acme.submit()
    told_of_it: list[str] = []
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(acme.read, waiting, told_of_it)
        wait_for(lambda: told_of_it == ["snapshot"], PATIENCE_SECONDS)
        key_id = f"key_{acme.key.split('_')[2]}"
        for url in acme.urls:
            assert acme.send("GET", f"/v1/jobs/{waiting}", url=url).status_code == 200
        operate(fleet, "DELETE", f"/v1/admin/keys/{key_id}")
        for url in acme.urls:
            wait_for(lambda at=url: acme.send("GET", "/v1/jobs", url=at).status_code == 401, PATIENCE_SECONDS)  # type: ignore[misc]
        operate(fleet, "POST", f"/v1/models/{MODEL}/resume")
        reading.result(PATIENCE_SECONDS)
    assert told_of_it == ["snapshot"], "the stream ends with the key"
    wait_for(lambda: spare.status(waiting) == "succeeded", PATIENCE_SECONDS, tell=fleet.words)
    jobs[acme.key].append(waiting)

    for holder in holders:
        for path in (b"/in", b"/own"):
            wait_for(
                lambda holder=holder, path=path: len(holder.told(path)) >= len(jobs[holder.key]),  # type: ignore[misc]
                PATIENCE_SECONDS,
                tell=fleet.words,
            )
        told = holder.told(b"/in")
        for body, headers in told:
            Webhook(secrets[holder.key]).verify(body, headers)
        assert {json.loads(body)["data"]["id"] for body, _ in told} == set(jobs[holder.key])

    listed = beta.send("GET", "/v1/jobs?limit=100").json()["data"]
    assert {job["id"] for job in listed} == set(jobs[beta.key])
    for job_id in jobs[acme.key]:
        assert beta.send("GET", f"/v1/jobs/{job_id}", url=beta.urls[1]).status_code == 404

    content, logs = kept(fleet), logged(fleet)
    assert key_id.encode() in content, "it is the record that is looked at"
    assert b"key_revoked" in logs
    for opening in (acme.key, spare.key, beta.key, TOKEN, *secrets.values()):
        secret = opening.rpartition("_")[2].encode()
        assert content.count(secret) == logs.count(secret) == 0
