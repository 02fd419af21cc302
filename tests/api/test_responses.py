"""`/v1/responses` over HTTP; jobs are driven by the store, as a worker drives them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jobs.answers import Emission
from jobs.job import JobState, Outcome, Usage
from jobs.lease import Lease
from jobs.store import JobStore
from jobs.token_run import TokenRun
from tests.api.conftest import Api, Worker

PATH = "/v1/responses"
UNKNOWN = f"resp_{'0' * 22}"
PIECES = ("Who ", "knocks", "?")


def begin(api: Api, **given: Any) -> str:
    """The id of a response in the background."""
    answer = api.post(PATH, {"model": "poet", "input": "Hark!", "background": True} | given)
    assert answer.status_code == 200, answer.text
    return str(answer.json["id"])


def emit(store: JobStore, lease: Lease, pieces: Sequence[str], *, first: int = 0) -> None:
    ids = tuple(range(first, first + len(pieces)))
    (emitted,) = store.emit([Emission(lease, first, ids, tuple(pieces))])
    assert emitted.stored == first + len(pieces)


def finish(worker: Worker, lease: Lease, pieces: Sequence[str] = PIECES, **outcome: Any) -> None:
    usual: dict[str, Any] = {
        "state": JobState.SUCCEEDED,
        "text": "".join(pieces),
        "finish_reason": "stop",
        "usage": Usage(prompt_tokens=3, completion_tokens=len(pieces)),
    }
    tokens = TokenRun(ids=tuple(range(len(pieces))), pieces=tuple(pieces))
    assert worker.store.finish(lease, Outcome(**usual | outcome), tokens=tokens) == "ok"


def events(text: str) -> list[dict[str, Any]]:
    """The events of a stream, whose ids and names are those of their data."""
    told = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            data = json.loads(lines["data"])
            assert (lines["id"], lines["event"]) == (str(data["sequence_number"]), data["type"])
            told.append(data)
    return told


def read(api: Api, response_id: str, query: str = "", **headers: str) -> list[dict[str, Any]]:
    answer = api.get(f"{PATH}/{response_id}?stream=true{query}", **headers)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream"), answer.text
    return events(answer.text)


def beside(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def the_job(store: JobStore) -> str:
    """The id of the one job there is, once there is one."""
    for _ in range(6000):
        if found := store.list("default").jobs:
            return found[0].id
        threading.Event().wait(0.01)
    raise AssertionError("no job")


def test_a_response_is_answered_when_it_is_complete(api: Api, store: JobStore, worker: Worker) -> None:
    working = beside(lambda: finish(worker, worker.claim(the_job(store))))

    answer = api.post(PATH, {"model": "gpt-4o", "input": "Hark!", "instructions": "Be brief.", "metadata": {"a": "b"}})
    working.join()

    assert answer.status_code == 200, answer.text
    assert answer.json["status"] == "completed"
    assert answer.json["output"][0]["content"][0]["text"] == "Who knocks?"
    assert (answer.json["instructions"], answer.json["metadata"], answer.json["model"]) == (
        "Be brief.",
        {"a": "b"},
        "poet",
    )
    assert answer.json["usage"]["total_tokens"] == 6
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
    assert api.get(f"{PATH}/{answer.json['id']}").json == answer.json
    assert api.get(answer.headers["Location"]).json["status"] == "succeeded"


def test_a_response_in_the_background_is_answered_at_once(api: Api, worker: Worker) -> None:
    answer = api.post(PATH, {"input": "Hark!", "background": True})
    response_id = answer.json["id"]

    assert (answer.status_code, answer.json["status"]) == (200, "queued")
    assert answer.headers["Location"] == f"/v1/jobs/{response_id}"
    assert int(answer.headers["Retry-After"]) >= 1

    lease = worker.claim(response_id)
    assert api.get(f"{PATH}/{response_id}").json["status"] == "in_progress"
    finish(worker, lease, finish_reason="length")

    done = api.get(f"{PATH}/{response_id}")
    assert (done.json["status"], done.json["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert "Retry-After" not in done.headers


def test_a_response_that_fails_is_a_problem_and_can_be_retrieved(api: Api, store: JobStore, worker: Worker) -> None:
    working = beside(lambda: worker.run(the_job(store), None, **failure()))

    answer = api.post(PATH, {"input": "Hark!"})
    working.join()

    assert answer.status_code == 500
    assert answer.json["error"]["code"] == "engine_error"
    assert answer.headers["x-should-retry"] == "false"
    response_id = answer.headers["Location"].rpartition("/")[2]
    found = api.get(f"{PATH}/{response_id}").json
    assert (found["status"], found["error"]["code"]) == ("failed", "server_error")


def failure() -> dict[str, Any]:
    return {"state": JobState.FAILED, "error": Worker.failed.error, "finish_reason": None}


def test_a_stream_is_told_while_the_response_runs(api: Api, store: JobStore, worker: Worker) -> None:
    def work() -> None:
        lease = worker.claim(the_job(store))
        for index, piece in enumerate(PIECES):
            emit(store, lease, [piece], first=index)
        finish(worker, lease)

    working = beside(work)
    answer = api.post(PATH, {"input": "Hark!", "stream": True})
    told = events(answer.text)
    working.join()

    assert [event["sequence_number"] for event in told] == list(range(11))
    assert told[-1]["type"] == "response.completed"
    response_id = told[-1]["response"]["id"]
    assert answer.headers["Location"] == f"/v1/jobs/{response_id}"
    assert read(api, response_id) == told
    assert told[-1]["response"] == api.get(f"{PATH}/{response_id}").json


def test_a_response_is_read_from_behind_any_event(api: Api, worker: Worker) -> None:
    response_id = begin(api)
    finish(worker, worker.claim(response_id))
    replay = read(api, response_id)

    for number in range(len(replay) - 1):
        assert read(api, response_id, f"&starting_after={number}") == replay[number + 1 :]
        assert read(api, response_id, "&starting_after=0", Last_Event_ID=str(number)) == replay[number + 1 :]
    for number in (len(replay) - 1, 10**6):
        assert api.get(f"{PATH}/{response_id}?stream=true&starting_after={number}").status_code == 204


def test_a_stream_in_the_background_can_be_left_and_read_later(api: Api, worker: Worker) -> None:
    answer = api.post(PATH, {"input": "Hark!", "background": True, "stream": True})
    response_id = json.loads(next(iter(answer.response)).split(b"data: ")[1])["response"]["id"]
    answer.close()
    finish(worker, worker.claim(response_id))

    told = read(api, response_id)

    assert [event["type"] for event in told[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert told[-1]["response"]["status"] == "completed"


def test_a_queued_response_is_cancelled_at_once_and_again(api: Api) -> None:
    response_id = begin(api)

    for _ in range(2):
        answer = api.post(f"{PATH}/{response_id}/cancel")
        assert (answer.status_code, answer.json["status"], answer.json["output"]) == (200, "cancelled", [])
    assert [event["type"] for event in read(api, response_id)] == [
        "response.created",
        "response.queued",
        "response.incomplete",
    ]


def test_a_cancel_waits_for_a_running_response_which_keeps_its_text(api: Api, store: JobStore, worker: Worker) -> None:
    response_id = begin(api)
    lease = worker.claim(response_id)
    emit(store, lease, PIECES[:2])

    def stop() -> None:
        for _ in range(6000):
            if store.signals([lease])[0].cancel_requested:
                return finish(worker, lease, PIECES[:2], state=JobState.CANCELLED, finish_reason=None)
            threading.Event().wait(0.01)
        return None

    stopping = beside(stop)
    answer = api.post(f"{PATH}/{response_id}/cancel")
    stopping.join()

    found = api.get(f"{PATH}/{response_id}").json
    assert answer.json["status"] in {"cancelled", "in_progress"}
    assert found["status"] == "cancelled"
    assert (found["output"][0]["status"], found["output"][0]["content"][0]["text"]) == ("incomplete", "Who knocks")
    last = read(api, response_id)[-1]
    assert (last["type"], last["response"]) == ("response.incomplete", found)


def test_a_final_response_is_deleted(api: Api, worker: Worker) -> None:
    response_id = begin(api)
    running = api.send("DELETE", f"{PATH}/{response_id}")
    assert (running.status_code, running.json["error"]["code"]) == (409, "job_not_final")
    assert running.headers["x-should-retry"] == "false"
    finish(worker, worker.claim(response_id))

    deleted = api.send("DELETE", f"{PATH}/{response_id}")

    assert deleted.json == {"id": response_id, "object": "response", "deleted": True}
    assert api.get(f"{PATH}/{response_id}").status_code == 404


def test_what_is_not_stored_cannot_be_found(api: Api, store: JobStore, worker: Worker) -> None:
    working = beside(lambda: finish(worker, worker.claim(the_job(store))))
    answer = api.post(PATH, {"input": "Hark!", "store": False})
    working.join()
    address = f"{PATH}/{answer.json['id']}"

    assert answer.json["store"] is False
    refused = [
        api.get(address),
        api.get(f"{address}?stream=true"),
        api.post(f"{address}/cancel"),
        api.send("DELETE", address),
    ]
    assert {one.status_code for one in refused} == {404}
    job = store.find("default", answer.json["id"])
    assert job.expires_at is not None
    assert job.finished_at is not None
    assert job.expires_at - job.finished_at == pytest.approx(60)


def test_a_response_goes_on_with_an_earlier_one(api: Api, store: JobStore, worker: Worker) -> None:
    first = begin(api, instructions="Be brief.")
    refused = api.post(PATH, {"input": "And?", "previous_response_id": first})
    assert (refused.status_code, refused.json["error"]["param"]) == (400, "previous_response_id")
    finish(worker, worker.claim(first))

    second = begin(api, input="And?", previous_response_id=first, instructions="Be long.")
    finish(worker, worker.claim(second))
    third = begin(api, input="So?", previous_response_id=second)

    said = [(message.role, message.content) for message in store.find("default", third).request.messages]
    assert said == [
        ("user", "Hark!"),
        ("assistant", "Who knocks?"),
        ("user", "And?"),
        ("assistant", "Who knocks?"),
        ("user", "So?"),
    ]
    assert api.get(f"{PATH}/{third}").json["previous_response_id"] == second


@pytest.mark.parametrize("response_id", [UNKNOWN, "resp_1", f"job_{'0' * 22}"])
def test_an_unknown_response_is_not_found(api: Api, response_id: str) -> None:
    for answer in (
        api.get(f"{PATH}/{response_id}"),
        api.get(f"{PATH}/{response_id}?stream=true"),
        api.post(f"{PATH}/{response_id}/cancel"),
        api.send("DELETE", f"{PATH}/{response_id}"),
    ):
        assert answer.status_code == 404
        assert answer.json["error"]["type"] == "invalid_request_error"
    refused = api.post(PATH, {"input": "And?", "previous_response_id": response_id})
    assert (refused.status_code, refused.json["error"]["param"]) == (400, "previous_response_id")


def test_a_job_that_is_no_response_is_not_found(api: Api) -> None:
    assert api.get(f"{PATH}/{api.submit()}").status_code == 404


@pytest.mark.parametrize(
    ("query", "header", "param"),
    [
        ("?stream=maybe", None, "stream"),
        ("?starting_after=3", None, "starting_after"),
        ("?stream=true&starting_after=-2", None, "starting_after"),
        ("?include[]=reasoning.encrypted_content", None, "include[]"),
        ("?include_obfuscation=true", None, "include_obfuscation"),
        ("?colour=red", None, "colour"),
        ("?stream=true", "soon", "Last-Event-ID"),
        ("", "soon", "Last-Event-ID"),
    ],
)
def test_a_bad_query_is_refused_and_named(api: Api, query: str, header: str | None, param: str) -> None:
    headers = {} if header is None else {"Last_Event_ID": header}

    answer = api.get(f"{PATH}/{begin(api)}{query}", **headers)

    assert (answer.status_code, answer.json["error"]["param"]) == (400, param)


def test_log_probabilities_that_there_are_not_may_be_asked_for_again(api: Api) -> None:
    answer = api.get(f"{PATH}/{begin(api)}?include[]=message.output_text.logprobs")

    assert (answer.status_code, answer.json["output"]) == (200, [])


def test_an_unknown_parameter_of_a_query_has_openai_s_code(api: Api) -> None:
    assert api.get(f"{PATH}/{begin(api)}?colour=red").json["error"]["code"] == "unknown_parameter"


def test_a_refusal_names_fields_as_the_client_knows_them(api: Api) -> None:
    too_long = api.post(PATH, {"model": "poet", "input": "a" * 51})
    too_many = api.post(PATH, {"model": "poet", "input": "a", "max_output_tokens": 101})

    assert (too_long.status_code, too_long.json["error"]["param"]) == (400, "input")
    assert (too_many.status_code, too_many.json["error"]["param"]) == (400, "max_output_tokens")


def test_the_same_idempotency_key_finds_the_same_response(api: Api) -> None:
    body = {"input": "Hark!", "background": True}

    first = api.post(PATH, body, Idempotency_Key="order-42")
    again = api.post(PATH, body, Idempotency_Key="order-42")

    assert again.json["id"] == first.json["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
