"""The secret of the tenant's own."""

from __future__ import annotations

from jobs.signature import Secret
from jobs.webhooks.sealing import Sealer
from tests.api.conftest import RECEIVER, SECRET_KEY, Api, Sender, Worker

PATH = "/v1/webhook_secret"


def test_before_the_first_one_there_is_none(api: Api) -> None:
    response = api.get(PATH)

    assert (response.status_code, response.json["type"]) == (404, "/problems/webhook-secret-not-found")
    assert f"{PATH}/rotate" in response.json["detail"]


def test_a_rotation_makes_the_first_one_and_shows_it(api: Api) -> None:
    made = api.post(f"{PATH}/rotate").json

    secret = Secret.parse(made.pop("signing_secret"))
    assert made["signing_secret_hint"] == secret.hint
    assert (made["object"], made["live"]) == ("webhook_secret", 1)
    assert api.get(PATH).json == made


def test_the_first_job_with_a_webhook_makes_one_and_the_next_keeps_it(api: Api) -> None:
    api.submit(webhook={"url": RECEIVER})
    made = api.get(PATH).json
    api.submit(webhook={"url": RECEIVER})

    assert api.get(PATH).json == made


def test_what_waits_is_signed_with_the_old_one_too_unless_it_is_dropped(
    api: Api, worker: Worker, sender: Sender
) -> None:
    sealer = Sealer([SECRET_KEY])
    shown = [api.post(f"{PATH}/rotate").json["signing_secret"] for _ in range(2)]
    assert api.get(PATH).json["live"] == 2
    worker.run(api.submit(webhook={"url": RECEIVER}))
    (lease,) = sender.leases()
    assert [sealer.unseal(sealed).text for sealed in lease.sealed_secrets] == shown[::-1]

    last = api.post(f"{PATH}/rotate", {"keep_old_secret_active_for_24_hours": False}).json
    worker.run(api.submit(webhook={"url": RECEIVER}))
    (lease,) = sender.leases()
    assert last["live"] == 1
    assert [sealer.unseal(sealed).text for sealed in lease.sealed_secrets] == [last["signing_secret"]]
