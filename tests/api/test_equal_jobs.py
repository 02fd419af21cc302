"""Which submits share a run with one that is under way."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api, Worker

GREEDY = {"temperature": 0}


def follows(api: Api, *, prompt: str = "Hark!", params: Any = GREEDY, **body: Any) -> str | None:
    made = api.post("/v1/jobs", {"input": {"prompt": prompt}, "params": params, **body})
    assert made.status_code == 202, made.json
    leader: str | None = api.get(f"/v1/jobs/{made.json['id']}").json.get("follows")
    return leader


def test_an_equal_job_waits_for_the_run_of_the_first_and_says_so(api: Api, worker: Worker) -> None:
    first = api.submit(params=GREEDY)
    made = api.post("/v1/jobs", {"input": {"prompt": "Hark!"}, "params": GREEDY, "metadata": {"n": "1"}})
    second = made.json["id"]
    assert (made.status_code, made.json["follows"]) == (202, first)
    waiting = api.get(f"/v1/jobs/{second}").json
    assert (waiting["follows"], waiting["status"], waiting["queue"]["position"]) == (first, "queued", 0)
    assert api.get(f"/v1/jobs/{second}/explain").json["reasons"][0]["code"] == "follows"
    lease = worker.claim(first)
    [reason] = api.get(f"/v1/jobs/{second}/explain").json["reasons"]
    message = f"It will have the result of {first}, whose attempt 1 runs on a worker."
    assert reason == {"code": "running", "message": message, "detail": {"job_id": first}}
    worker.finish(lease)
    told = api.get(f"/v1/jobs/{second}").json
    assert (told["status"], told["result"]["text"], told["metadata"]) == ("succeeded", "Who knocks?", {"n": "1"})
    assert told["usage"]["cached_tokens"] == told["usage"]["prompt_tokens"] + told["usage"]["completion_tokens"]
    assert told["usage"]["engine_seconds"] == 0


@pytest.mark.parametrize("params", [{}, {"seed": 1}, {"temperature": 0, "max_tokens": 5}])
def test_what_may_come_out_otherwise_runs_itself(api: Api, params: dict[str, Any]) -> None:
    api.submit(params=GREEDY)
    assert follows(api, params=params) is None


def test_another_prompt_and_another_tenant_have_runs_of_their_own(api: Api) -> None:
    api.submit(params=GREEDY)
    assert follows(api, prompt="Hark again!") is None
    assert follows(api.of("another"), params=GREEDY) is None


def test_who_bypasses_the_cache_has_a_run_of_its_own_and_leads_nobody(api: Api) -> None:
    api.submit(params=GREEDY, cache="bypass")
    assert follows(api) is None
    assert follows(api, cache="bypass") is None


def test_the_same_seed_is_the_same_run(api: Api) -> None:
    first = api.submit(params={"seed": 7})
    assert follows(api, params={"seed": 7}) == first
    assert follows(api, params={"seed": 8}) is None
