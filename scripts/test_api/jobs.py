"""Jobs: submit, look, cancel, try again, erase."""

from __future__ import annotations

import uuid
from http import HTTPStatus

from scripts.test_api.answer import expect
from scripts.test_api.check import case
from scripts.test_api.system import PROMPT, TOKENS, System

UNKNOWN = "job_0000000000000000000000"


@case("jobs", "POST /v1/jobs", "202 with Location, ETag and Retry-After")
def submit(system: System) -> None:
    answer = system.call("POST /v1/jobs", json=system.submission()).expect(202)
    expect(answer["object"] == "job" and answer["metadata"] == system.mark, "the job is not the one submitted")
    expect(answer.headers.get("Location") == f"/v1/jobs/{answer['id']}", "Location does not name the job")
    expect({"ETag", "Retry-After"} <= set(answer.headers), "ETag or Retry-After is missing")


@case("jobs", "POST /v1/jobs", "an Idempotency-Key finds the first job, and refuses another body")
def idempotency(system: System) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = system.submission()
    first = system.call("POST /v1/jobs", json=body, headers=headers).expect(202)
    other = system.call("POST /v1/jobs", json=body | {"timeout_s": 7}, headers=headers)
    other.refuses(422, "idempotency-mismatch")
    again = system.call("POST /v1/jobs", json=body, headers=headers).expect(200, 202)
    expect(again["id"] == first["id"], "the repeat made another job")
    expect(again.headers.get("Idempotency-Replayed") == "true", "Idempotency-Replayed is missing")


@case("jobs", "GET /v1/jobs", "a page holds the jobs of this run alone, newest first")
def listing(system: System) -> None:
    ids = [system.submitted(), system.submitted()]
    [(key, value)] = system.mark.items()
    query = {f"metadata.{key}": value, "limit": "2"}
    page = system.call("GET /v1/jobs", query=query).expect(200)
    expect([job["id"] for job in page["data"]] == ids[::-1], "the newest two are not these")
    expect(page["has_more"] in {True, False}, "has_more is missing")


@case("jobs", "GET /v1/jobs/{id}", "waits for the end; 304 while the version holds")
def look(system: System) -> None:
    job = system.ended(system.submitted())
    expect(job.succeeded, f"{job.id} {job.state}")
    answer = system.call("GET /v1/jobs/{id}", job.id).expect(200)
    headers = {"If-None-Match": answer.headers.get("ETag", "")}
    system.call("GET /v1/jobs/{id}", job.id, headers=headers).expect(304)


@case("jobs", "GET /v1/jobs/{id}/explain", "a reason, also of a job that has ended")
def explain(system: System) -> None:
    answer = system.call("GET /v1/jobs/{id}/explain", system.succeeded.id).expect(200)
    expect([reason["code"] for reason in answer["reasons"]] == ["final"], "it is not told that the job is final")
    waiting = system.call("GET /v1/jobs/{id}/explain", system.submitted()).expect(200)
    expect(bool(waiting["reasons"]), "there is no reason")


@case("jobs", "GET /v1/jobs/{id}/result", "the text with its usage")
def result(system: System) -> None:
    answer = system.call("GET /v1/jobs/{id}/result", system.succeeded.id).expect(200)
    expect(answer["text"] == system.succeeded.text, "it is another text than that of the job")
    expect(answer["usage"]["completion_tokens"] >= 1, "no token is counted")


@case("jobs", "POST /v1/jobs/{id}/cancel", "the job ends as cancelled, and a repeat says so")
def cancel(system: System) -> None:
    job_id = system.cancelled()
    again = system.call("POST /v1/jobs/{id}/cancel", job_id).expect(200)
    expect(again["status"] == "cancelled", f"it is {again['status']}")
    system.call("GET /v1/jobs/{id}/result", job_id).refuses(409, "job-cancelled")


@case("jobs", "POST /v1/jobs/cancel", "all jobs with a mark of their own, and no other")
def cancel_many(system: System) -> None:
    other = system.long_job()
    mark = system.mark | {"part": uuid.uuid4().hex}
    body = system.submission(400, ignore_eos=True) | {"metadata": mark}
    ids = {str(system.call("POST /v1/jobs", json=body).expect(202)["id"]) for _ in range(2)}
    answer = system.call("POST /v1/jobs/cancel", json={"metadata": mark}).expect(200)
    reached = {*answer["cancelled"], *answer["requested"]}
    ended = {job_id for job_id in ids - reached if system.ended(job_id).is_final}
    expect(reached | ended == ids and other not in reached, f"{len(reached)} were reached, not these 2")


@case("jobs", "POST /v1/jobs/{id}/requeue", "a new job, and a repeat finds it; one with a result is 409")
def requeue(system: System) -> None:
    system.call("POST /v1/jobs/{id}/requeue", system.succeeded.id).refuses(409, "job-succeeded")
    job_id = system.cancelled()
    first = system.call("POST /v1/jobs/{id}/requeue", job_id).expect(202)
    expect(first["requeued_from"] == job_id, "the new job does not name the old one")
    again = system.call("POST /v1/jobs/{id}/requeue", job_id).expect(200, 202)
    expect(again["id"] == first["id"], "the repeat made another job")


@case("jobs", "GET /v1/jobs/{id}/deliveries", "a list of what was told of its end")
def deliveries(system: System) -> None:
    answer = system.call("GET /v1/jobs/{id}/deliveries", system.succeeded.id).expect(200)
    expect(isinstance(answer["data"], list), "no list")


@case("jobs", "DELETE /v1/jobs/{id}", "409 before the end, 204 after it, then 404")
def erase(system: System) -> None:
    running = system.long_job()
    early = system.call("DELETE /v1/jobs/{id}", running).expect(409, 204)
    job_id = running if early.status == HTTPStatus.CONFLICT else system.submitted()
    system.call("POST /v1/jobs/{id}/cancel", job_id)
    system.ended(job_id)
    system.call("DELETE /v1/jobs/{id}", job_id).expect(204)
    system.call("GET /v1/jobs/{id}", job_id).expect(404, 410)


@case("jobs", "GET /v1/dead-letters", "a page of jobs that gave up")
def dead_letters(system: System) -> None:
    answer = system.call("GET /v1/dead-letters", query={"limit": "1"}).expect(200)
    expect(answer["object"] == "list" and len(answer["data"]) <= 1, "no page of one")


@case("jobs", "GET /v1/events", "pages go on behind the last id")
def events(system: System) -> None:
    page = system.call("GET /v1/events", query={"limit": "1"}).expect(200)
    if page["last_id"] is not None:
        after = {"after": str(page["last_id"]), "limit": "1"}
        following = system.call("GET /v1/events", query=after).expect(200)["data"]
        expect(not following or following[0]["id"] != page["last_id"], "the same event comes again")


@case("infer", "POST /v1/infer", "the completion, its usage and its times")
def infer(system: System) -> None:
    body = {"model": system.model, "prompt": PROMPT, "max_tokens": TOKENS}
    answer = system.call("POST /v1/infer", json=body).expect(200)
    expect(answer["finish_reason"] in {"stop", "length"}, f"finish_reason is {answer['finish_reason']}")
    expect(1 <= answer["usage"]["completion_tokens"] <= TOKENS, "the tokens are not counted")


@case("errors", "GET /v1/jobs", "401 without a key")
def no_key(system: System) -> None:
    system.call("GET /v1/jobs", with_key=False).refuses(401, "not-authenticated")


@case("errors", "GET /v1/jobs/{id}", "404 for a job that does not exist")
def no_job(system: System) -> None:
    system.call("GET /v1/jobs/{id}", UNKNOWN).refuses(404, "job-not-found")


@case("errors", "POST /v1/jobs", "422 for an unknown field, which is named")
def unknown_field(system: System) -> None:
    body = system.submission(no_such_field=1)
    system.call("POST /v1/jobs", json=body).refuses(422, "invalid-request").blames("params.no_such_field")


CASES = (
    submit,
    idempotency,
    listing,
    look,
    explain,
    result,
    cancel,
    cancel_many,
    requeue,
    deliveries,
    erase,
    dead_letters,
    events,
    infer,
    no_key,
    no_job,
    unknown_field,
)
