"""The log of deliveries, and sending them again."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from jobs.new_job import NewJob
from jobs.request import InferenceRequest, RequestType
from jobs.webhooks.event import JOB_EVENTS
from jobs.webhooks.log import DeliveryLog
from jobs.webhooks.webhook import JobWebhook
from tests.api.conftest import RECEIVER, Api, Sender, Worker

PATH = "/v1/deliveries"
NOBODY = f"{PATH}/dlv_{'0' * 32}"


def dead(api: Api, worker: Worker, sender: Sender) -> str:
    """The id of a dead letter to a job's own webhook."""
    worker.run(api.submit(webhook={"url": RECEIVER}))
    (lease,) = sender.send(500, "status")
    return lease.delivery_id


def test_a_job_lists_whom_its_end_was_told(api: Api, worker: Worker, sender: Sender) -> None:
    endpoint = api.endpoint()
    job_id = api.submit(webhook={"url": RECEIVER})
    assert api.get(f"/v1/jobs/{job_id}/deliveries").json == {"object": "list", "data": []}

    worker.run(job_id)
    sender.send()

    listed = api.get(f"/v1/jobs/{job_id}/deliveries").json["data"]
    assert {delivery.get("endpoint_id") for delivery in listed} == {endpoint["id"], None}
    assert {delivery["status"] for delivery in listed} == {"delivered"}
    assert {delivery["subject_id"] for delivery in listed} == {job_id}
    assert len({delivery["event_id"] for delivery in listed}) == 1


@pytest.mark.parametrize("job_id", ["unknown", f"job_{'0' * 22}"])
def test_an_unknown_job_has_no_list(api: Api, job_id: str) -> None:
    assert api.get(f"/v1/jobs/{job_id}/deliveries").json["type"] == "/problems/job-not-found"


def test_a_delivery_tells_its_attempts(api: Api, worker: Worker, sender: Sender) -> None:
    delivery = api.get(f"{PATH}/{dead(api, worker, sender)}").json

    assert (delivery["object"], delivery["status"], delivery["url"]) == ("delivery", "failed", RECEIVER)
    assert delivery["attempts"] == [
        {
            "number": 1,
            "at": "2026-11-22T22:00:00.000Z",
            "duration_s": 0.25,
            "status_code": 500,
            "error": "status",
            "snippet": "so it goes",
        }
    ]
    assert delivery["attempt_count"] == 1
    assert delivery["links"]["job"] == f"/v1/jobs/{delivery['subject_id']}"
    assert "endpoint_id" not in delivery


def test_the_log_is_paged_without_gap_or_double(api: Api, worker: Worker) -> None:
    api.endpoint()
    for _ in range(5):
        worker.run(api.submit())
    everything = [delivery["id"] for delivery in api.get(PATH).json["data"]]

    seen: list[str] = []
    after = ""
    while True:
        page = api.get(f"{PATH}?limit=2{after}").json
        seen += [delivery["id"] for delivery in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert len(everything) == 5
    assert seen == everything


def test_the_log_is_filtered(api: Api, worker: Worker, sender: Sender) -> None:
    failed = dead(api, worker, sender)
    endpoint = api.endpoint()["id"]
    worker.run(api.submit())
    sender.send()

    assert [delivery["id"] for delivery in api.get(f"{PATH}?status=failed").json["data"]] == [failed]
    (delivered,) = api.get(f"{PATH}?endpoint={endpoint}").json["data"]
    assert (delivered["status"], delivered["endpoint_id"]) == ("delivered", endpoint)
    assert api.get(f"{PATH}?endpoint={endpoint}&status=failed").json == {
        "object": "list",
        "first_id": None,
        "last_id": None,
        "has_more": False,
        "data": [],
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=dead", "status"),
        ("endpoint=orders", "endpoint"),
        ("after=dlv_x", "after"),
        (f"after=dlv_{'0' * 32}", "after"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
    ],
)
def test_a_wrong_filter_is_refused(api: Api, query: str, field: str) -> None:
    response = api.get(f"{PATH}?{query}")

    assert (response.status_code, response.json["errors"][0]["field"]) == (422, field)


def test_a_dead_letter_is_sent_again(api: Api, worker: Worker, sender: Sender) -> None:
    delivery_id = dead(api, worker, sender)

    replayed = api.post(f"{PATH}/{delivery_id}/replay")
    assert (replayed.status_code, replayed.json["id"], replayed.json["status"]) == (202, delivery_id, "pending")

    assert [lease.delivery_id for lease in sender.send()] == [delivery_id]
    assert api.get(f"{PATH}/{delivery_id}").json["status"] == "delivered"


def test_what_cannot_be_sent_again_is_refused(api: Api, worker: Worker, sender: Sender) -> None:
    endpoint = api.endpoint()["id"]
    worker.run(api.submit())
    (lease,) = sender.send(500, "status")
    replay = f"{PATH}/{lease.delivery_id}/replay"

    api.post(f"/v1/webhook_endpoints/{endpoint}/disable")
    disabled = api.post(replay)
    api.send("DELETE", f"/v1/webhook_endpoints/{endpoint}")
    deleted = api.post(replay)

    for response, slug in ((disabled, "endpoint-disabled"), (deleted, "not-replayable")):
        assert (response.status_code, response.json["type"]) == (409, f"/problems/{slug}")
        assert response.headers["x-should-retry"] == "false"


def test_all_dead_letters_of_a_time_are_sent_again(api: Api, worker: Worker, sender: Sender) -> None:
    ids = {dead(api, worker, sender) for _ in range(3)}

    none = api.post(f"{PATH}/replay", {"before": "2020-01-01T00:00:00Z"})
    replayed = api.post(f"{PATH}/replay", {"after": "2020-01-01T00:00:00Z"})

    assert none.json == {"object": "replay", "replayed": 0, "next_cursor": None}
    assert (replayed.status_code, replayed.json["replayed"]) == (202, 3)
    assert {lease.delivery_id for lease in sender.send()} == ids


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "body"),
    ({"cursor": f"evt_{'0' * 16}x"}, "body"),
    ({"endpoint_id": "orders"}, "endpoint_id"),
    ({"endpoint_id": 1}, "endpoint_id"),
    ({"after": "yesterday"}, "after"),
    ({"after": 1_795_384_800}, "after"),
    ({"before": "2026-11-22T00:00:00"}, "before"),
    ({"after": "2026-11-22T00:00:00Z", "before": "2026-11-22T00:00:00Z"}, "before"),
    ({"after": "2026-11-22T00:00:00Z", "cursor": "x"}, "cursor"),
    ({"after": "2026-11-22T00:00:00Z", "status": "failed"}, "status"),
]


@pytest.mark.parametrize(("body", "field"), BAD)
def test_a_wrong_range_is_refused(api: Api, body: dict[str, Any], field: str) -> None:
    response = api.post(f"{PATH}/replay", body)

    assert (response.status_code, response.json["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(("body", "field"), [row for row in BAD if row[1] in {"after", "before", "cursor", "status"}])
def test_a_wrong_range_of_an_endpoint_is_refused(api: Api, body: dict[str, Any], field: str) -> None:
    response = api.post(f"/v1/webhook_endpoints/{api.endpoint()['id']}/replay", body)

    assert (response.status_code, response.json["errors"][0]["field"]) == (422, field)


def test_the_replay_of_an_unknown_endpoint_is_404(api: Api) -> None:
    response = api.post(f"{PATH}/replay", {"endpoint_id": f"we_{'0' * 22}"})

    assert response.json["type"] == "/problems/endpoint-not-found"


@pytest.mark.parametrize("path", [NOBODY, f"{PATH}/x", f"{PATH}/{'x' * 300}"])
def test_an_unknown_delivery_is_404(api: Api, path: str) -> None:
    for response in (api.get(path), api.post(f"{path}/replay")):
        assert (response.status_code, response.json["type"]) == (404, "/problems/delivery-not-found")


def test_a_delivery_of_another_tenant_is_as_unknown(api: Api, worker: Worker, redis_client: Redis) -> None:
    job = NewJob(
        id=f"job_{'7' * 22}",
        tenant="other",
        request=InferenceRequest(model="poet", type=RequestType.COMPLETION, prompt="Hark!"),
        webhook=JobWebhook(url=RECEIVER, origin="http://127.0.0.1:9", events=JOB_EVENTS),
    )
    worker.store.accept(job)
    worker.store.cancel("other", job.id)
    (theirs,) = DeliveryLog(redis_client).of_job("other", job.id)

    assert api.get(f"{PATH}/{theirs.id}").status_code == 404
    assert api.post(f"{PATH}/{theirs.id}/replay").status_code == 404
    assert api.get(f"/v1/jobs/{job.id}/deliveries").status_code == 404
    assert api.get(PATH).json["data"] == []
    assert api.get("/v1/events").json["data"] == []
    assert api.get(f"{PATH}?after={theirs.id}").status_code == 422
