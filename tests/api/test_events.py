"""The list of what has happened."""

from __future__ import annotations

import json

import pytest

from tests.api.conftest import Api, Sender, Worker

PATH = "/v1/events"


def ended(api: Api, worker: Worker, count: int) -> list[str]:
    ids = [api.submit() for _ in range(count)]
    for job_id in ids:
        worker.run(job_id)
    return ids


def test_every_end_of_a_job_is_listed_oldest_first(api: Api, worker: Worker) -> None:
    (first,) = ended(api, worker, 1)
    second = api.submit()
    api.post(f"/v1/jobs/{second}/cancel")

    page = api.get(PATH).json

    assert [(event["type"], event["data"]["id"]) for event in page["data"]] == [
        ("job.succeeded", first),
        ("job.cancelled", second),
    ]
    assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][1]["id"])
    assert page["has_more"] is False


def test_an_event_is_listed_as_it_is_sent(api: Api, worker: Worker, sender: Sender) -> None:
    endpoint = api.endpoint("job.succeeded", "endpoint.disabled")
    other = api.endpoint("job.failed")
    ended(api, worker, 1)
    api.post(f"/v1/webhook_endpoints/{other['id']}/disable")

    sent = [json.loads(lease.body) for lease in sender.leases() if lease.endpoint_id == endpoint["id"]]

    assert api.get(PATH).json["data"] == sorted(sent, key=lambda body: str(body["id"]))
    assert {body["type"] for body in sent} == {"job.succeeded", "endpoint.disabled"}


def test_pages_leave_no_gap_and_tell_nothing_twice(api: Api, worker: Worker) -> None:
    ids = ended(api, worker, 4)
    seen: list[str] = []
    after = ""

    for _ in range(3):
        while True:
            page = api.get(f"{PATH}?limit=3{after}").json
            seen += [event["data"]["id"] for event in page["data"]]
            after = f"&after={page['last_id']}" if page["last_id"] else after
            if not page["has_more"]:
                break
        ids += ended(api, worker, 2)

    assert seen == ids[: len(seen)]
    assert len(seen) == 8


def test_events_of_one_type_are_paged_too(api: Api, worker: Worker) -> None:
    kept = []
    for _ in range(3):
        ended(api, worker, 2)
        kept.append(api.submit())
        api.post(f"/v1/jobs/{kept[-1]}/cancel")

    first = api.get(f"{PATH}?type=job.cancelled&limit=2").json
    second = api.get(f"{PATH}?type=job.cancelled&limit=2&after={first['last_id']}").json

    assert [event["data"]["id"] for event in first["data"] + second["data"]] == kept
    assert (first["has_more"], second["has_more"]) == (True, False)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=yesterday", "after"),
        ("after=", "after"),
        (f"after=job_{'0' * 22}", "after"),
        ("type=job.started", "type"),
        ("type=succeeded", "type"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("before=x", "before"),
        ("type=job.failed&type=job.expired", "type"),
    ],
)
def test_a_wrong_question_is_refused(api: Api, query: str, field: str) -> None:
    response = api.get(f"{PATH}?{query}")

    assert (response.status_code, response.json["errors"][0]["field"]) == (422, field)
