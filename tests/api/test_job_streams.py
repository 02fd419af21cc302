from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.following import Look
from api.job_events import job_frames
from api.sse import WRITE_BYTES, portions
from api.stream_examples import STREAMS
from jobs.job import JobState, Outcome
from jobs.request import Candidate, TokenLogprobs
from jobs.store import JobStore
from jobs.token_run import TokenRun
from tests.api.conftest import Api, Worker
from tests.api.event_reader import Event, events

WORDS = ("Who", " knocks", "?\n")


def finished(api: Api, worker: Worker) -> str:
    job_id = api.submit()
    outcome = Outcome(state=JobState.SUCCEEDED, text="".join(WORDS), finish_reason="stop")
    assert worker.store.finish(worker.claim(job_id), outcome, tokens=TokenRun(ids=(7, 8, 9), pieces=WORDS)) == "ok"
    return job_id


def follow(api: Api, job_id: str, query: str = "", **headers: str) -> list[Event]:
    response = api.get(f"/v1/jobs/{job_id}/events{query}", **headers)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    return list(events([response.data]))


def test_a_final_job_is_told_from_the_beginning(api: Api, worker: Worker) -> None:
    told = follow(api, finished(api, worker))

    assert [(event.name, event.id) for event in told] == [
        ("snapshot", -1),
        ("token", 0),
        ("token", 1),
        ("token", 2),
        ("final", 3),
    ]
    assert "".join(event.data["text"] for event in told[1:-1]) == "".join(WORDS)
    assert told[-1].data["result"]["text"] == "".join(WORDS)
    assert told[-1].data["links"]["events"].endswith("/events")


@pytest.mark.parametrize("after", range(-1, len(WORDS)))
def test_a_reader_goes_on_behind_what_it_has(api: Api, worker: Worker, after: int) -> None:
    job_id = finished(api, worker)

    told = follow(api, job_id, Last_Event_ID=str(after))

    assert told == follow(api, job_id, f"?after={after}")
    assert [event.id for event in told] == [after, *range(after + 1, len(WORDS)), len(WORDS)]


@pytest.mark.parametrize("after", [len(WORDS), len(WORDS) + 5])
def test_a_reader_that_has_all_is_told_that_there_is_no_more(api: Api, worker: Worker, after: int) -> None:
    response = api.get(f"/v1/jobs/{finished(api, worker)}/events", Last_Event_ID=str(after))

    assert (response.status_code, response.data) == (204, b"")


def test_a_job_that_ended_without_a_token_has_an_end_too(api: Api, store: JobStore) -> None:
    job_id = api.submit()
    store.cancel("default", job_id)

    assert [(event.name, event.id) for event in follow(api, job_id)] == [("snapshot", -1), ("final", 0)]
    assert api.get(f"/v1/jobs/{job_id}/events", Last_Event_ID="0").status_code == 204


def test_the_header_wins_over_the_query(api: Api, worker: Worker) -> None:
    assert follow(api, finished(api, worker), "?after=0", Last_Event_ID="1")[0].id == 1


@pytest.mark.parametrize("value", ["one", "-2", "1.5", "1e3", "9" * 10, "", "0x1"])
def test_what_is_no_index_is_refused(api: Api, worker: Worker, value: str) -> None:
    job_id = finished(api, worker)

    header = api.get(f"/v1/jobs/{job_id}/events", Last_Event_ID=value)
    query = api.get(f"/v1/jobs/{job_id}/events?after={value}")

    assert (header.status_code, header.json["errors"][0]["field"]) == (400, "Last-Event-ID")
    assert (query.status_code, query.json["errors"][0]["field"]) == (422, "after")


def test_a_job_that_is_not_there_is_404(api: Api) -> None:
    for path in ("job_" + "0" * 22, "nonsense"):
        assert api.get(f"/v1/jobs/{path}/events").status_code == 404


def newest(worker: Worker) -> str:
    while not (jobs := worker.store.list("default").jobs):
        threading.Event().wait(0.01)
    return jobs[0].id


def test_a_prompt_is_answered_with_its_tokens(api: Api, worker: Worker) -> None:
    def serve() -> None:
        outcome = Outcome(state=JobState.SUCCEEDED, text="".join(WORDS), finish_reason="stop")
        assert (
            worker.store.finish(worker.claim(newest(worker)), outcome, tokens=TokenRun(ids=(7, 8, 9), pieces=WORDS))
            == "ok"
        )

    with ThreadPoolExecutor() as pool:
        served = pool.submit(serve)
        response = api.post("/v1/infer", {"prompt": "Hark!", "stream": True}, Prefer="respond-async")
        told = list(events([response.data]))
        served.result(30)

    assert response.status_code == 200
    assert response.headers["Location"] == f"/v1/jobs/{told[0].data['id']}"
    assert "Preference-Applied" not in response.headers
    assert "".join(event.data["text"] for event in told if event.name == "token") == "".join(WORDS)
    assert told[-1].data["status"] == "succeeded"


@pytest.mark.parametrize(
    "body",
    [{"stream": 1}, {"stream": True, "on_disconnect": "stay"}, {"on_disconnect": "cancel"}],
)
def test_a_stream_is_asked_for_in_its_own_words(api: Api, body: dict[str, Any]) -> None:
    response = api.post("/v1/infer", {"prompt": "Hark!"} | body)

    assert response.status_code == 422
    assert response.json["errors"][0]["field"] == list(body)[-1]


def test_silence_becomes_a_comment() -> None:
    assert list(job_frames([None], after=-1, document=lambda _: {})) == [b": \n\n"]


def test_log_probabilities_stand_beside_the_token() -> None:
    logprobs = TokenLogprobs(Candidate("a", -0.5), (Candidate("a", -0.5), Candidate("b", -1.5)))
    look = Look(tokens=TokenRun(ids=(1,), pieces=("a",), logprobs=(logprobs,)))

    (event,) = events(job_frames([look], after=-1, document=lambda _: {}))

    assert event.data["logprobs"] == {
        "chosen": {"text": "a", "logprob": -0.5},
        "top": [{"text": "a", "logprob": -0.5}, {"text": "b", "logprob": -1.5}],
    }


def test_the_documented_streams_are_whole() -> None:
    for stream in STREAMS.values():
        names = [event.name for event in events([stream["value"].encode()])]
        assert (names[0], names[-1]) == ("snapshot", "final")


def test_what_is_at_hand_is_written_in_large_pieces() -> None:
    pieces = list(portions([b"x" * 10_000] * 10))

    assert [len(piece) for piece in pieces] == [WRITE_BYTES, WRITE_BYTES, WRITE_BYTES, 100_000 - 3 * WRITE_BYTES]
