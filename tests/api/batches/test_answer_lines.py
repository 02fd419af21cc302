"""What a line becomes is what its body is answered as a request: both are asked for, and the answers compared."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.batches.answer_lines import EXPIRED, answer_of_job, answer_of_left
from api.batches.endpoints import ENDPOINTS
from api.batches.line_job import LineOfJob, job_id_of_line, recorded_line
from api.batches.lines import LineReader
from api.process import ApiProcess
from jobs.job import AttemptError, Job, JobState
from jobs.request import Candidate, TokenLogprobs
from jobs.store import JobStore
from jobs.token_run import TokenRun
from tests.api.batches.conftest import BODIES, CHAT, MODELS, line_of
from tests.api.conftest import Api, Worker, made

COMPLETIONS, RESPONSES, EMBEDDINGS = "/v1/completions", "/v1/responses", "/v1/embeddings"
VECTOR = base64.b64encode(struct.pack("<2f", 0.75, -0.5)).decode()
LOGPROBS = TokenLogprobs(Candidate("Who", -0.5), (Candidate("Who", -0.5), Candidate("What", -1.5)))
TOKENS = TokenRun(ids=(1,), pieces=("Who knocks?",), logprobs=(LOGPROBS,))
CASES: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {}),
    (CHAT, {"logprobs": True, "top_logprobs": 2, "metadata": {"order": "42"}}),
    (COMPLETIONS, {}),
    (COMPLETIONS, {"logprobs": 2}),
    (RESPONSES, {"store": False, "instructions": "Be brief.", "user": "u"}),
    (RESPONSES, {"store": False, "include": ["message.output_text.logprobs"], "top_logprobs": 2}),
    (EMBEDDINGS, {}),
    (EMBEDDINGS, {"encoding_format": "base64"}),
]


@pytest.fixture(scope="module")
def hasty_process(make_process: Callable[..., ApiProcess], tmp_path_factory: pytest.TempPathFactory) -> ApiProcess:
    config: Path = tmp_path_factory.mktemp("models") / "models.yaml"
    config.write_text(MODELS)
    return make_process({"API_FOREGROUND_S": "0.1", "TRUTHGPT_CONFIG": str(config)})


@pytest.fixture
def hasty(hasty_process: ApiProcess, redis_url: str) -> Api:
    """A server where nobody waits for long."""
    del redis_url
    return Api(hasty_process.test_client())


class Asked:
    """The same body as a request, whose job ends as it is told, and as a line."""

    def __init__(self, hasty: Api, store: JobStore, worker: Worker, reader: Callable[..., LineReader]) -> None:
        self._api, self._store, self._worker, self._reader = hasty, store, worker, reader

    def both(self, url: str, body: dict[str, Any], **outcome: Any) -> tuple[Any, Job]:
        """What the route has answered, and the job of the line with the same end."""
        whole = BODIES[url] | body
        first = self._api.post(url, whole)
        job_id = first.headers["Location"].rpartition("/")[2]
        lease = self._worker.claim(job_id, model=whole["model"])
        vectors = {"text": None, "finish_reason": None, "vectors": (VECTOR,)} if url == EMBEDDINGS else {}
        assert self._store.finish(lease, made(**vectors | outcome), tokens=TOKENS) == "ok"
        answer = self._api.post(url, whole, X_Stainless_Retry_Count="1")
        line = self._reader(url).read(line_of("q-1", url=url, body=body), 7)
        return answer, replace(self._store.find("default", job_id), asked=recorded_line(line))


@pytest.fixture
def asked(hasty: Api, store: JobStore, worker: Worker, reader: Callable[..., LineReader]) -> Asked:
    return Asked(hasty, store, worker, reader)


@pytest.mark.parametrize(("url", "body"), CASES)
def test_a_line_has_the_answer_of_its_route(asked: Asked, url: str, body: dict[str, Any]) -> None:
    answer, job = asked.both(url, body)

    line = answer_of_job(job, TOKENS, ENDPOINTS[url])

    assert answer.status_code == 200, answer.text
    letters = job.id.partition("_")[2]
    assert line.kind == "output"
    assert json.loads(line.text) == {
        "id": f"batch_req_{letters}",
        "custom_id": "q-1",
        "response": {"status_code": 200, "request_id": f"req_{letters}", "body": answer.json},
        "error": None,
    }


@pytest.mark.parametrize("url", BODIES)
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AttemptError(code="context_length_exceeded", message="Too long.", field="input"), 400),
        (AttemptError(code="invalid_value", message="Too many.", field="params.max_tokens"), 400),
        (AttemptError(code="engine_error", message="The engine failed."), 500),
    ],
)
def test_a_line_that_failed_has_the_refusal_of_its_route(
    asked: Asked, url: str, error: AttemptError, status: int
) -> None:
    body = {"store": False} if url == RESPONSES else {"max_completion_tokens": 3} if url == CHAT else {}
    answer, job = asked.both(url, body, state=JobState.FAILED, error=error, text=None, vectors=())

    line = answer_of_job(job, TokenRun(), ENDPOINTS[url])

    assert answer.status_code == status
    told = json.loads(line.text)
    assert line.kind == "errors"
    assert told["response"]["status_code"] == status
    assert told["response"]["body"] == answer.json
    assert told["response"]["body"]["error"].items() >= {"code": error.code, "message": error.message}.items()
    assert told["error"] is None


@pytest.mark.parametrize(
    ("state", "code"), [(JobState.CANCELLED, "batch_cancelled"), (JobState.EXPIRED, "batch_expired")]
)
def test_a_line_that_was_not_run_to_its_end_has_no_response(asked: Asked, state: JobState, code: str) -> None:
    _, job = asked.both(CHAT, {})

    line = answer_of_job(replace(job, state=state), TokenRun(), ENDPOINTS[CHAT])

    told = json.loads(line.text)
    assert line.kind == "errors"
    assert (told["custom_id"], told["response"], told["error"]["code"]) == ("q-1", None, code)


def test_a_line_that_never_was_a_job_is_told_like_one_that_was_not_run() -> None:
    line = answer_of_left(job_id_of_line("batch_a", 7, kind="job"), "q-1", EXPIRED)

    assert json.loads(line.text)["error"]["code"] == "batch_expired"


def test_an_answer_is_one_line_to_whoever_splits_it(asked: Asked) -> None:
    text = "a\u2028b\u2029c\x85d\ne\u20ac"
    _, job = asked.both(CHAT, {}, text=text)

    line = answer_of_job(job, TOKENS, ENDPOINTS[CHAT]).text.decode()

    assert len(line.splitlines()) == 1
    assert json.loads(line)["response"]["body"]["choices"][0]["message"]["content"] == text


def test_the_record_of_a_job_says_which_line_it_is(asked: Asked) -> None:
    _, job = asked.both(RESPONSES, {"store": False})

    line = LineOfJob.of(job)

    assert (line.number, line.custom_id) == (7, "q-1")


def test_a_line_has_the_same_job_each_time_and_another_than_other_lines() -> None:
    ids = {job_id_of_line(batch, number, kind="job") for batch in ("batch_a", "batch_b") for number in (1, 2)}

    assert len(ids) == 4
    assert job_id_of_line("batch_a", 1, kind="job") in ids
    assert job_id_of_line("batch_a", 1, kind="resp").startswith("resp_")
