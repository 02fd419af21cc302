"""What clients see of the jobs that are lines of a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from jobs.batches.batch import BatchLease, NewBatch
from jobs.batches.ids import line_job_id
from jobs.batches.store import BatchStore
from jobs.new_job import LineOfBatch, NewJob
from tests.api.conftest import Api, Worker
from tests.jobs.input_file import add_input

BATCH = "batch_0000000000000000000001"


@pytest.fixture
def lease(redis_client: Redis) -> BatchLease:
    """Of a batch of the operator's tenant, with three lines."""
    batches = BatchStore(redis_client)
    add_input(redis_client)
    batches.accept(NewBatch(id=BATCH, tenant="default", endpoint="/v1/completions", input_file_id="file-1"))
    lease = batches.claim(f"default/{BATCH}", "r1")
    assert lease is not None
    assert batches.validated(lease, total=3, model="poet", order_name="order")
    return lease


def submit_line(api: Api, worker: Worker, lease: BatchLease, position: int) -> str:
    usual = worker.store.find("default", api.submit())
    new = NewJob(id=line_job_id(BATCH, position + 1), tenant="default", request=usual.request)
    line = LineOfBatch(batch_id=BATCH, token=lease.token, position=position)
    return worker.store.accept(replace(new, line=line)).job_id


def listed(api: Api, query: str) -> list[Any]:
    return [job["id"] for job in api.get(f"/v1/jobs{query}").json["data"]]


def test_lines_are_listed_for_those_who_ask_for_their_batch(api: Api, worker: Worker, lease: BatchLease) -> None:
    lines = [submit_line(api, worker, lease, position) for position in range(3)]
    assert listed(api, f"?batch={BATCH}") == lines[::-1]
    assert listed(api, f"?batch={BATCH}&status=running") == []
    assert listed(api, "?batch=batch_unknown") == []
    assert not set(listed(api, "")) & set(lines)
    assert api.get(f"/v1/jobs/{lines[0]}").json["batch_id"] == BATCH
    page = api.get(f"/v1/jobs?batch={BATCH}&limit=2")
    assert f"batch={BATCH}" in page.headers["Link"]
    assert listed(api, f"?batch={BATCH}&cursor={page.json['next_cursor']}") == lines[:1]


def test_a_line_is_cancelled_as_any_job_and_erased_by_nobody_while_its_batch_runs(
    api: Api, worker: Worker, lease: BatchLease
) -> None:
    line = submit_line(api, worker, lease, 0)
    assert api.post(f"/v1/jobs/{line}/cancel").json["status"] == "cancelled"
    refused = api.send("DELETE", f"/v1/jobs/{line}")
    assert (refused.status_code, refused.json["type"].rpartition("/")[2]) == (409, "line-in-use")
    assert api.get(f"/v1/jobs/{line}").status_code == 200
    assert api.get("/v1/events").json["data"] == []


def test_an_empty_batch_id_is_refused(api: Api) -> None:
    refused = api.get("/v1/jobs?batch=")
    assert refused.status_code == 422
    assert "batch" in refused.text
