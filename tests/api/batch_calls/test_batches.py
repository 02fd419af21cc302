"""`/v1/batches`: made of a file, looked at, listed and cancelled, by their own tenant alone."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from openai.types import Batch as TheirBatch
from redis import Redis

from api.batches.window import told_window
from api.process import ApiProcess
from jobs.batches.batch import BatchError, BatchStatus
from jobs.batches.idempotency import BatchKeys
from jobs.files.file import NewFile, Purpose
from jobs.files.store import FileStore
from jobs.fingerprint import fingerprint
from jobs.settings import StoreSettings
from tests.api.batch_calls.conftest import ENDPOINT, Desk, Runner, told_line
from tests.api.conftest import Sender

NO_FILE = "file-" + "0" * 22
NO_BATCH = "batch_" + "0" * 22


def refused(answer: Any, status: int, param: str | None, words: str = "", code: str | None = None) -> None:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["error"]["param"] == param, answer.text
    assert words in answer.json["error"]["message"]
    assert code is None or answer.json["error"]["code"] == code, answer.text


def test_a_batch_is_made_and_waits_to_be_looked_through(desk: Desk, runner: Runner) -> None:
    file_id = desk.send_file()

    answer = desk.create(file_id, metadata={"order": "42"})

    made = answer.json
    assert answer.status_code == 200, answer.text
    assert made == {
        "id": made["id"],
        "object": "batch",
        "endpoint": ENDPOINT,
        "model": None,
        "errors": None,
        "input_file_id": file_id,
        "completion_window": "24h",
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": made["created_at"],
        "in_progress_at": None,
        "expires_at": made["created_at"] + 86_400,
        "finalizing_at": None,
        "completed_at": None,
        "failed_at": None,
        "expired_at": None,
        "cancelling_at": None,
        "cancelled_at": None,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "usage": {
            "input_tokens": 0,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 0,
        },
        "metadata": {"order": "42"},
        "waiting_for": None,
    }
    assert desk.find(made["id"]) == made
    assert runner.batches.due(10) == [f"default/{made['id']}"]


def test_its_document_tells_how_far_it_has_got(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 3)
    runner.tell(lease, told_line(1), told_line(2))

    running = desk.find(batch_id)
    assert (running["status"], running["model"]) == ("in_progress", "poet")
    assert running["request_counts"] == {"total": 3, "completed": 2, "failed": 0}
    assert running["usage"]["total_tokens"] == 14
    assert running["usage"]["input_tokens_details"] == {"cached_tokens": 2}

    runner.tell(lease, told_line(3), kind="errors")
    runner.end(lease)

    ended = desk.find(batch_id)
    assert ended["status"] == "completed"
    assert ended["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    assert ended["created_at"] <= ended["in_progress_at"] <= ended["finalizing_at"] <= ended["completed_at"]
    assert desk.api.get(f"/v1/files/{ended['output_file_id']}").json["purpose"] == "batch_output"
    assert desk.api.get(f"/v1/files/{ended['error_file_id']}").status_code == 200


def test_who_waits_for_another_state_is_told_of_each(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 2)
    runner.tell(lease, told_line(1))
    known = desk.look(batch_id).headers["ETag"]
    assert desk.look(batch_id, If_None_Match=known).status_code == 304
    assert desk.look(batch_id, If_None_Match=known, Prefer="wait=1").status_code == 304

    with ThreadPoolExecutor(2) as pool:
        changed = pool.submit(desk.look, batch_id, If_None_Match=known, Prefer="wait=60")
        ended = pool.submit(desk.look, batch_id, Prefer="wait=60")
        runner.tell(lease, told_line(2))
        assert changed.result(30).json["request_counts"]["completed"] == 2
        runner.end(lease)
        assert ended.result(30).json["status"] == "completed"


def test_batches_are_found_by_their_metadata_however_many_there_are(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.batches.reading.MOST_LOOKED_AT", 4)
    file_id = desk.send_file()
    ids = [desk.create(file_id, metadata={"run": str(n % 5), "all": "x"}).json["id"] for n in range(12)]

    def pages(query: str) -> list[list[str]]:
        found, after = [], ""
        while True:
            page = desk.api.get(f"/v1/batches?{query}{after}").json
            found.append([one["id"] for one in page["data"]])
            if not page["has_more"]:
                return found
            after = f"&after={page['last_id']}"

    assert pages("metadata.run=1") == [[ids[11]], [ids[6]], [ids[1]]]
    assert pages("metadata.run=1&metadata.all=x&limit=1") == [[ids[11]], [ids[6]], [ids[1]]]
    assert pages("metadata.all=x&limit=3") == [ids[:8:-1], ids[8:5:-1], ids[5:2:-1], ids[2::-1]]
    assert pages("metadata.run=7") == [[], [], []]


def test_a_batch_that_failed_tells_each_error_with_its_line(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.claim(batch_id)
    errors = [
        BatchError(code="invalid_value", message="Line 7: body.n: Only 1.", line=7, param="body.n"),
        BatchError(code="too_many_lines", message="The file has too many."),
    ]
    assert runner.batches.end(lease, BatchStatus.FAILED, errors=errors)

    found = desk.find(batch_id)

    assert found["status"] == "failed"
    assert found["errors"] == {
        "object": "list",
        "data": [
            {"code": "invalid_value", "line": 7, "message": "Line 7: body.n: Only 1.", "param": "body.n"},
            {"code": "too_many_lines", "line": None, "message": "The file has too many.", "param": None},
        ],
    }


def test_every_document_has_the_documented_form_and_that_of_openai_s_client(
    desk: Desk, runner: Runner, process_with_storage: ApiProcess
) -> None:
    openapi: Any = process_with_storage.test_client().get("/openapi.json").json
    schema = {"$ref": "#/components/schemas/Batch", "components": openapi["components"]}
    ids = [desk.make() for _ in range(4)]
    lease = runner.begin(ids[1], 1)
    runner.tell(lease, told_line(1))
    runner.end(lease)
    error = BatchError(code="empty_file", message="The file has no lines.")
    assert runner.batches.end(runner.claim(ids[2]), BatchStatus.FAILED, errors=[error])
    runner.claim(ids[3])
    desk.api.post(f"/v1/batches/{ids[3]}/cancel")

    found = [desk.find(batch_id) for batch_id in ids]

    assert [one["status"] for one in found] == ["validating", "completed", "failed", "cancelling"]
    for document in found:
        jsonschema.validate(document, schema)
        TheirBatch.model_validate(document, strict=True)


@pytest.mark.parametrize(
    ("window", "seconds"),
    [("24h", 86_400), ("1h", 3600), ("168h", 604_800), ("1d", 86_400), ("7d", 604_800)],
)
def test_other_windows_than_openai_s_are_taken_and_told_in_hours(desk: Desk, window: str, seconds: int) -> None:
    made = desk.find(desk.make(completion_window=window))

    assert made["expires_at"] - made["created_at"] == seconds
    assert made["completion_window"] == f"{seconds // 3600}h" == told_window(seconds)


def test_a_window_that_is_no_number_of_hours_is_told_in_seconds() -> None:
    assert told_window(90.0) == "90s"


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"input_file_id": None}, "input_file_id", "missing_required_parameter"),
        ({"input_file_id": "file-1"}, "input_file_id", "invalid_value"),
        ({"input_file_id": NO_FILE}, "input_file_id", "file_not_found"),
        ({"endpoint": None}, "endpoint", "missing_required_parameter"),
        ({"endpoint": "/v1/moderations"}, "endpoint", "unsupported_value"),
        ({"endpoint": 7}, "endpoint", "invalid_value"),
        ({"completion_window": None}, "completion_window", "missing_required_parameter"),
        ({"completion_window": "0h"}, "completion_window", "invalid_value"),
        ({"completion_window": "169h"}, "completion_window", "invalid_value"),
        ({"completion_window": "8d"}, "completion_window", "invalid_value"),
        ({"completion_window": 24}, "completion_window", "invalid_value"),
        ({"metadata": {"a": 1}}, "metadata.a", "invalid_value"),
        ({"output_expires_after": {"seconds": 3600}}, "output_expires_after.anchor", "missing_required_parameter"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 60}},
            "output_expires_after.seconds",
            "invalid_value",
        ),
        ({"output_expires_after": "soon"}, "output_expires_after", "invalid_value"),
        ({"priority": "high"}, "priority", "unknown_parameter"),
    ],
)
def test_what_is_refused_names_the_field_and_makes_no_batch(
    desk: Desk, change: dict[str, Any], param: str, code: str
) -> None:
    refused(desk.create(desk.send_file(), **change), 400, param, code=code)

    assert desk.api.get("/v1/batches").json["data"] == []


def test_a_file_that_is_no_input_any_more_or_never_was_is_refused(
    desk: Desk, file_store: FileStore, redis_client: Redis
) -> None:
    deleted = desk.send_file()
    desk.api.send("DELETE", f"/v1/files/{deleted}")
    expired = desk.send_file()
    redis_client.hset(f"frontier:t:default:file:{expired}", "expires", 1)
    output = "file-" + "1" * 22
    file_store.expect("default", output, within_seconds=60)
    file_store.add(NewFile(id=output, tenant="default", filename="out.jsonl", purpose=Purpose.BATCH_OUTPUT, bytes=0))

    refused(desk.create(deleted), 400, "input_file_id", "is the id of no file", "file_not_found")
    refused(desk.create(expired), 400, "input_file_id", "is the id of no file", "file_not_found")
    refused(desk.create(output), 400, "input_file_id", "is a file for batch_output", "invalid_value")


def test_output_is_kept_as_long_as_files_are_unless_it_is_asked_otherwise(desk: Desk, runner: Runner) -> None:
    usual = desk.make()
    asked = desk.make(output_expires_after={"anchor": "created_at", "seconds": 3600})

    assert runner.batches.find("default", usual).output_kept_seconds == 30 * 86_400
    lease = runner.begin(asked, 1)
    runner.tell(lease, told_line(1))
    runner.end(lease)
    file = desk.api.get(f"/v1/files/{desk.find(asked)['output_file_id']}").json
    assert file["expires_at"] - file["created_at"] == 3600


# --- twice the same


def test_the_same_file_twice_is_two_batches_and_under_one_key_one(desk: Desk) -> None:
    file_id = desk.send_file()

    without = {desk.create(file_id).json["id"] for _ in range(2)}
    first, again = (desk.create(file_id, key="order-42", metadata={"a": "b"}) for _ in range(2))

    assert len(without) == 2
    assert first.json == again.json
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(desk.api.get("/v1/batches").json["data"]) == 3


def test_a_repeat_finds_its_batch_also_when_the_file_is_gone(desk: Desk) -> None:
    file_id = desk.send_file()
    first = desk.create(file_id, key="k").json["id"]
    desk.api.send("DELETE", f"/v1/files/{file_id}")

    assert desk.create(file_id, key="k").json["id"] == first


def test_a_key_that_was_used_for_another_body_is_refused(desk: Desk) -> None:
    file_id = desk.send_file()
    made = desk.create(file_id, key="k").json["id"]

    answer = desk.create(file_id, key="k", completion_window="1h")

    refused(answer, 400, "Idempotency-Key", f"was used for batch {made}", "idempotency_mismatch")
    refused(desk.create(file_id, key="two words"), 400, "Idempotency-Key")


def test_keys_of_jobs_and_of_other_tenants_are_other_keys(desk: Desk) -> None:
    job_id = desk.api.send(
        "POST", "/v1/jobs", json={"input": {"prompt": "Hark!"}}, headers={"Idempotency-Key": "k"}
    ).json["id"]
    first = desk.create(desk.send_file(), key="k")
    other = desk.of("beta")
    theirs = other.create(other.send_file(), key="k")

    assert (first.status_code, theirs.status_code) == (200, 200)
    assert len({job_id, first.json["id"], theirs.json["id"]}) == 3


def test_of_many_equal_requests_at_once_one_makes_the_batch(desk: Desk) -> None:
    file_id = desk.send_file()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: desk.create(file_id, key="k"), range(8)))

    assert {one.status_code for one in answers} == {200}
    assert len({one.json["id"] for one in answers}) == 1
    assert len(desk.api.get("/v1/batches").json["data"]) == 1


def test_a_server_that_died_between_the_key_and_the_batch_has_left_a_key_that_works(
    desk: Desk, redis_client: Redis
) -> None:
    file_id, batch_id = desk.send_file(), "batch_" + "1" * 22
    body = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"}
    BatchKeys(redis_client).reserve("default", "k", fingerprint(body), batch_id)
    assert desk.api.get("/v1/batches").json["data"] == []

    made, again = (desk.create(file_id, key="k") for _ in range(2))

    assert (made.status_code, made.json["id"]) == (200, batch_id)
    assert again.json == made.json


def test_a_key_is_free_again_before_the_record_of_its_batch_may_be_forgotten(redis_client: Redis) -> None:
    usual, hasty = BatchKeys(redis_client), BatchKeys(redis_client, StoreSettings(batch_log_seconds=60.0))

    usual.reserve("default", "usual", "f", "batch_1")
    hasty.reserve("default", "hasty", "f", "batch_2")

    kept = sorted(redis_client.pttl(key) for key in redis_client.keys("frontier:t:default:batch_idem:*"))
    assert 0 < kept[0] <= 60_000 < kept[1] <= 86_400_000


# --- looked at and listed


def test_batches_are_listed_newest_first_a_page_at_a_time(desk: Desk, redis_client: Redis) -> None:
    ids = [desk.make() for _ in range(5)]
    for place, batch_id in enumerate(ids):
        redis_client.zadd("frontier:t:default:batches", {batch_id: place})

    first = desk.api.get("/v1/batches?limit=3").json
    rest = desk.api.get(f"/v1/batches?limit=3&after={first['last_id']}").json

    assert [one["id"] for one in first["data"] + rest["data"]] == ids[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert first["data"][0] == desk.find(ids[4])


def test_what_a_list_cannot_be_asked_for_is_refused(desk: Desk) -> None:
    refused(desk.api.get("/v1/batches?limit=0"), 400, "limit")
    refused(desk.api.get("/v1/batches?after=first"), 400, "after", "id of a batch")
    refused(desk.api.get(f"/v1/batches?after={NO_BATCH}"), 400, "after", "id of no batch")
    refused(desk.api.get("/v1/batches?purpose=batch"), 400, "purpose", code="unknown_parameter")


@pytest.mark.parametrize("unknown", [NO_BATCH, "batch_1", "file-1", "b" * 1000])
def test_a_batch_that_is_unknown_is_404_wherever_it_is_named(desk: Desk, unknown: str) -> None:
    for method, path in (("GET", ""), ("POST", "/cancel"), ("GET", "/output")):
        answer = desk.api.send(method, f"/v1/batches/{unknown}{path}")

        told = unknown if len(unknown) < 40 else "b" * 39 + "…"
        refused(answer, 404, None, f"No batch has the id {told}, or none any more.", code="batch_not_found")
        assert answer.json["type"] == "/problems/batch-not-found"


def test_what_a_batch_waits_for_is_told(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 3)
    assert runner.batches.wait_for(lease, "The queue is full.")

    assert desk.find(batch_id)["waiting_for"] == "The queue is full."


# --- cancelled


def test_a_batch_that_runs_is_cancelled_and_keeps_what_it_has_told(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 2)
    runner.tell(lease, told_line(1))

    asked = desk.api.post(f"/v1/batches/{batch_id}/cancel")
    again = desk.api.post(f"/v1/batches/{batch_id}/cancel", {})
    runner.tell(lease, told_line(2), kind="errors")
    runner.end(lease, BatchStatus.CANCELLED)

    assert (asked.status_code, asked.json["status"]) == (200, "cancelling")
    assert again.json == asked.json
    found = desk.find(batch_id)
    assert (found["status"], found["cancelled_at"] is None) == ("cancelled", False)
    content = desk.api.get(f"/v1/files/{found['output_file_id']}/content")
    assert content.data.decode() == f"{told_line(1)}\n"


def test_a_batch_that_has_ended_stays_as_it_is_when_it_is_cancelled(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    lease = runner.begin(batch_id, 1)
    runner.tell(lease, told_line(1))
    runner.end(lease)
    before = desk.find(batch_id)

    answer = desk.api.post(f"/v1/batches/{batch_id}/cancel")

    assert (answer.status_code, answer.json) == (200, before)


# --- its lines, and what is told of it


def test_lines_are_listed_with_their_batch_alone_and_stay_while_it_runs(desk: Desk, runner: Runner) -> None:
    batch_id = desk.make()
    job_id = runner.submit(runner.begin(batch_id, 1))

    assert desk.api.get("/v1/jobs").json["data"] == []
    assert [job["id"] for job in desk.api.get(f"/v1/jobs?batch={batch_id}").json["data"]] == [job_id]
    desk.api.post(f"/v1/jobs/{job_id}/cancel")
    kept = desk.api.send("DELETE", f"/v1/jobs/{job_id}")
    assert (kept.status_code, kept.json["type"]) == (409, "/problems/line-in-use")
    assert desk.of("beta").api.get(f"/v1/jobs?batch={batch_id}").json["data"] == []


def test_the_end_of_a_batch_is_an_event_as_it_is_sent(desk: Desk, runner: Runner, sender: Sender) -> None:
    endpoint = desk.api.endpoint("batch.completed", "batch.failed")
    completed, failed, left_out = (desk.make() for _ in range(3))
    lease = runner.begin(completed, 1)
    runner.tell(lease, told_line(1))
    runner.end(lease)
    assert runner.batches.end(runner.claim(failed), BatchStatus.FAILED)
    cancelled = runner.claim(left_out)
    desk.api.post(f"/v1/batches/{left_out}/cancel")
    runner.end(cancelled, BatchStatus.CANCELLED)

    sent = {body["id"]: body for body in (json.loads(lease.body) for lease in sender.leases())}
    listed = desk.api.get("/v1/events").json["data"]

    assert [(one["type"], one["data"]) for one in listed] == [
        ("batch.completed", {"id": completed, "object": "batch", "model": "poet", "status": "completed"}),
        ("batch.failed", {"id": failed, "object": "batch", "status": "failed"}),
        ("batch.cancelled", {"id": left_out, "object": "batch", "status": "cancelled"}),
    ]
    assert [sent[one["id"]] for one in listed[:2]] == listed[:2]
    assert set(sent) == {one["id"] for one in listed[:2]}
    deliveries = desk.api.get(f"/v1/deliveries?endpoint={endpoint['id']}").json["data"]
    assert {one["subject_id"] for one in deliveries} == {completed, failed}
