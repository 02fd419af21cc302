"""What the operator says of tenants, and what tenants are told that have used it up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api, Worker
from tests.api.limited import policies, remaining

LIMITS = "/v1/admin/tenants/{}/limits"
COST = 1 + 16
"""Of a job as `submit` makes them here."""


def limit(api: Api, tenant: str = "acme", **limits: Any) -> Any:
    return api.send("PUT", LIMITS.format(tenant), json=limits)


def submit(api: Api, **headers: str) -> Any:
    body = {"input": {"prompt": "Hark!"}, "params": {"max_tokens": 16}}
    return api.send("POST", "/v1/jobs", json=body, headers=headers)


def test_limits_are_set_read_and_taken_away(api: Api) -> None:
    told = limit(api, tokens_per_minute=100, weight=0.5).json
    assert (told["id"], told["object"]) == ("acme", "tenant")
    assert told["limits"] == {
        "tokens_per_minute": 100,
        "tokens_per_day": None,
        "concurrent_jobs": None,
        "waiting_jobs": None,
        "weight": 0.5,
    }
    assert set(told["defaults"].values()) == {None}
    assert [one["policy"] for one in told["standing"]] == ["tokens-per-minute"]
    assert api.get(LIMITS.format("acme")).json == told
    assert limit(api, concurrent_jobs=3).json["limits"]["tokens_per_minute"] is None
    for _ in range(2):
        gone = api.send("DELETE", LIMITS.format("acme")).json
        assert set(gone["limits"].values()) == {None}
        assert gone["standing"] == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tokens_per_minute": -1}, "tokens_per_minute"),
        ({"tokens_per_day": 1.5}, "tokens_per_day"),
        ({"concurrent_jobs": True}, "concurrent_jobs"),
        ({"waiting_jobs": 10**13}, "waiting_jobs"),
        ({"weight": 3}, "weight"),
        ({"weight": 0}, "weight"),
        ({"priority": 1}, "priority"),
    ],
)
def test_a_wrong_limit_is_named_and_nothing_is_set(api: Api, given: dict[str, Any], field: str) -> None:
    response = limit(api, **given)
    assert (response.status_code, response.json["errors"][0]["field"]) == (422, field)
    assert set(api.get(LIMITS.format("acme")).json["limits"].values()) == {None}


@pytest.mark.parametrize("name", ["UPPER", "-x", "a" * 33, "a%20b"])
def test_nothing_is_at_the_address_of_what_is_no_name(api: Api, name: str) -> None:
    for method, body in (("GET", None), ("PUT", {"weight": 1}), ("DELETE", None)):
        response = api.send(method, LIMITS.format(name), json=body)
        assert (response.status_code, response.json["type"]) == (404, "/problems/not-found")


def test_tenants_with_keys_or_limits_are_listed(api: Api) -> None:
    api.of("keyed")
    limit(api, "limited", weight=2)
    first = api.get("/v1/admin/tenants?limit=1").json
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (["keyed"], True)
    second = api.get(f"/v1/admin/tenants?after={first['last_id']}").json
    assert ([one["id"] for one in second["data"]], second["has_more"]) == (["limited"], False)


def test_a_budget_that_is_used_up_is_429_with_the_time_to_come_back(api: Api) -> None:
    acme = api.of("acme")
    limit(api, tokens_per_minute=COST + 1, tokens_per_day=10 * COST)
    assert submit(acme).status_code == 202
    refused = submit(acme)
    assert (refused.status_code, refused.json["type"]) == (429, "/problems/quota-exceeded")
    assert refused.json["violated-policies"] == ["tokens-per-minute"]
    assert refused.json["retryable"] is True
    assert refused.json["error"]["type"] == "rate_limit_error"
    assert 1 <= int(refused.headers["Retry-After"]) <= 120
    assert "x-should-retry" not in refused.headers
    told = api.get(LIMITS.format("acme")).json["standing"]
    assert [one["used"] for one in told] == [COST, COST], "what was refused costs nothing"
    assert submit(api.of("other")).status_code == 202


def test_a_wait_that_openai_s_clients_would_not_keep_is_told_and_their_retry_forbidden(api: Api) -> None:
    acme = api.of("acme")
    limit(api, tokens_per_day=COST)
    submit(acme)
    refused = submit(acme)
    assert int(refused.headers["Retry-After"]) > 120
    assert refused.headers["x-should-retry"] == "false"
    chat = {"model": "poet", "messages": [{"role": "user", "content": "Hark!"}], "max_tokens": 16}
    dialect = acme.post("/v1/chat/completions", chat)
    assert (dialect.status_code, dialect.json["error"]["code"]) == (429, "quota_exceeded")
    assert dialect.headers["x-should-retry"] == "false"


def test_a_job_above_the_limit_alone_is_told_that_it_fits_at_no_time(api: Api) -> None:
    limit(api, tokens_per_minute=COST - 1)
    refused = submit(api.of("acme"))
    assert (refused.status_code, refused.json["type"]) == (429, "/problems/quota-too-small")
    assert refused.json["retryable"] is False
    assert "Retry-After" not in refused.headers
    assert refused.headers["x-should-retry"] == "false"
    assert str(COST) in refused.json["detail"]


def test_more_jobs_than_may_be_are_429_until_one_has_ended(api: Api, worker: Worker) -> None:
    acme = api.of("default")
    limit(api, "default", concurrent_jobs=1)
    job_id = submit(acme).json["id"]
    refused = submit(acme)
    assert (refused.status_code, refused.json["violated-policies"]) == (429, ["concurrent-jobs"])
    assert refused.json["detail"] == "You have 1 job that is not final, and may have 1."
    assert refused.headers["Retry-After"] == "10"
    worker.run(job_id)
    assert submit(acme).status_code == 202


def test_the_same_submit_again_is_answered_though_the_budget_is_used_up(api: Api) -> None:
    acme = api.of("acme")
    limit(api, tokens_per_minute=COST, concurrent_jobs=1)
    first = submit(acme, **{"Idempotency-Key": "once"})
    again = submit(acme, **{"Idempotency-Key": "once"})
    assert (again.status_code, again.json["id"]) == (202, first.json["id"])


def test_a_full_queue_says_whose_it_is(api: Api) -> None:
    limit(api, waiting_jobs=1)
    acme = api.of("acme")
    assert submit(acme).status_code == 202
    refused = submit(acme)
    assert (refused.status_code, refused.json["type"]) == (429, "/problems/queue-full")
    assert refused.json["detail"].startswith("1 job of yours waits for poet, ")
    for _ in range(4):
        assert submit(api.of("other")).status_code == 202
    refused = submit(api.of("third"))
    assert refused.json["detail"].startswith("5 jobs wait for poet")


def test_the_queue_tells_the_bounds(api: Api) -> None:
    def told(client: Api) -> Any:
        return {one["model"]: one["limit"] for one in client.get("/v1/queue").json["data"]}

    acme = api.of("acme")
    assert told(acme) == {"poet": {"all": 5, "yours": 125_000}, "clerk": {"all": 250_000, "yours": 125_000}}
    limit(api, waiting_jobs=0)
    assert told(acme)["poet"] == {"all": 5, "yours": 0}
    refused = submit(acme)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")


def test_why_a_job_waits_is_told(api: Api) -> None:
    job_id = submit(api).json["id"]
    told = api.get(f"/v1/jobs/{job_id}/explain").json
    assert (told["job_id"], told["status"], told["priority"]) == (job_id, "queued", "standard")
    assert [reason["code"] for reason in told["reasons"]] == ["no-worker"]
    assert told["queue"] == {"position": 0, "tokens_ahead": 0, "eta_s": None}
    assert told["weight"] == {"priority": 4, "tenant": 1.0}
    api.post(f"/v1/jobs/{job_id}/cancel")
    final = api.get(f"/v1/jobs/{job_id}/explain").json
    assert [reason["code"] for reason in final["reasons"]] == ["final"]
    assert "queue" not in final
    assert "weight" not in final


def test_a_tenant_is_told_how_it_stands_where_its_key_is(api: Api) -> None:
    acme = api.of("acme")
    assert acme.get("/v1/limits").json["tenant"] == []
    limit(api, tokens_per_minute=100, concurrent_jobs=3)
    submit(acme)
    told = {one["policy"]: (one["used"], one["remaining"]) for one in acme.get("/v1/limits").json["tenant"]}
    assert told == {"tokens-per-minute": (COST, 100 - COST), "concurrent-jobs": (1, 2)}


def tokens(answer: Any) -> tuple[int, int]:
    """What an answer tells of tokens, the same in both ways: the limit, and what is left."""
    name = "tokens-per-minute"
    told = policies(answer)[name][0], remaining(answer)[name]
    assert policies(answer)[name][1] == 60
    assert told == tuple(int(answer.headers[f"x-ratelimit-{what}-tokens"]) for what in ("limit", "remaining"))
    assert answer.headers["x-ratelimit-reset-tokens"].endswith("s")
    return told


def test_a_submit_tells_what_is_left_of_the_tokens_per_minute(api: Api, worker: Worker) -> None:
    acme = api.of("default")
    assert not any("tokens" in name for name in submit(acme).headers.keys())  # noqa: SIM118 - an iterator of Werkzeug's has pairs
    limit(api, "default", tokens_per_minute=3 * COST)
    made = submit(acme)
    assert tokens(made) == (3 * COST, 2 * COST)
    assert [*remaining(made)] == ["tokens-per-minute"]
    assert (
        tokens(acme.post("/v1/responses", {"input": "Hark!", "max_output_tokens": 16, "background": True}))[1] == COST
    )
    worker.give_up(made.json["id"])
    again = acme.post(f"/v1/jobs/{made.json['id']}/requeue")
    assert 0 <= tokens(again)[1] <= COST
    assert "x-ratelimit-limit-tokens" not in acme.get("/v1/jobs").headers


def test_a_refusal_for_tokens_tells_how_few_are_left(api: Api) -> None:
    acme = api.of("acme")
    limit(api, tokens_per_minute=COST + 1)
    submit(acme)
    refused = submit(acme)
    assert (refused.status_code, tokens(refused)) == (429, (COST + 1, 1))
    limit(api, tokens_per_minute=1)
    too_small = submit(acme)
    assert too_small.json["type"] == "/problems/quota-too-small"
    assert "x-ratelimit-reset-tokens" not in too_small.headers  # no time makes it fit


def test_tokens_are_told_behind_the_requests_of_the_key(api: Api) -> None:
    limit(api, tokens_per_minute=100)
    body = {"tenant": "acme", "scopes": ["jobs:write"], "limits": {"requests_per_minute": 5}}
    acme = Api(api.client, api.post("/v1/admin/keys", body).json["key"])
    made = submit(acme)
    assert list(remaining(made).items()) == [("submit", 4), ("tokens-per-minute", 100 - COST)]
    assert made.headers["x-ratelimit-remaining-requests"] == "4"
