"""The same request again: answered from the cache, through every interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from redis import Redis

from api.app import create_app
from api.process import ApiProcess
from jobs.environment import SettingError
from jobs.job import Outcome
from jobs.known_result import pack_result
from jobs.lease import Lease
from jobs.request import Candidate, TokenLogprobs
from jobs.store import JobStore
from jobs.token_run import TokenRun
from resilience.result_cache.result_cache import ResultCache
from resilience.result_cache.settings import CacheSettings
from tests.api.conftest import TOKEN, Api, Worker, made

GREEDY = {"temperature": 0}
PROMPT = {"prompt": "Hark!", "model": "poet"}
CHAT = {"model": "poet", "messages": [{"role": "user", "content": "Hark!"}]}
TOKENS = TokenRun(ids=(1, 2), pieces=("Who", " knocks?"))
TOLD = TokenRun(
    ids=(1, 2),
    pieces=("Who", " knocks?"),
    logprobs=(TokenLogprobs(Candidate("Who", -0.5)), TokenLogprobs(Candidate(" knocks?", -1.5))),
)


@dataclass
class Site:
    """An API without other requests, and a worker that keeps results under a revision."""

    process: ApiProcess
    worker: Worker
    redis: Redis
    revision: str = "r1"

    def __post_init__(self) -> None:
        self.api = Api(self.process.test_client())
        self.cache = ResultCache(CacheSettings(), self.redis, prefix="frontier:cache:")
        self.join()

    def join(self, model: str = "poet") -> None:
        self.worker.store.heartbeat("w1", model=model, slots=4, instance="i1", revision=self.revision)

    def run(self, job_id: str, *, tokens: TokenRun = TOKENS, **outcome: Any) -> None:
        lease = self.worker.claim(job_id)
        self.join(lease.request.model)
        self.finish(lease, tokens, **outcome)

    def finish(self, lease: Lease, tokens: TokenRun = TOKENS, **outcome: Any) -> None:
        usual = made(**{"made_by": self.revision, **outcome})
        assert self.worker.store.finish(lease, usual, tokens=tokens) == "ok"
        self.keep(lease, usual, tokens)

    def keep(self, lease: Lease, outcome: Outcome, tokens: TokenRun) -> None:
        reuse = lease.reuse
        if reuse is not None and reuse.keep_seconds is not None:
            packed = pack_result(outcome, tokens)
            self.cache.put(reuse.digest, packed, stamp=self.revision, ttl_seconds=reuse.keep_seconds)

    def submit(self, body: dict[str, Any] | None = None, *, api: Api | None = None, **more: Any) -> Any:
        return (api or self.api).post(
            "/v1/jobs", {"input": {"prompt": "Hark!"}, "params": GREEDY, **(body or {}), **more}
        )

    def run_once(self, **more: Any) -> str:
        """A job of which the result is kept."""
        response = self.submit(**more)
        assert response.status_code == 202, response.text
        self.run(response.json["id"])
        return str(response.json["id"])


@pytest.fixture
def site(make_process: Callable[..., ApiProcess], redis_client: Redis, worker: Worker) -> Site:
    return Site(make_process(), worker, redis_client)


def test_the_same_job_again_is_final_at_once_with_the_same_result(site: Site) -> None:
    first = site.api.get(f"/v1/jobs/{site.run_once()}").json
    again = site.submit(metadata={"order": "2"}, priority="batch")

    assert (again.status_code, again.headers["Cache-Status"]) == (200, "frontier; hit")
    assert (again.json["status"], again.json["cached"], again.json["attempt"]) == ("succeeded", True, 0)
    assert again.json["id"] != first["id"]
    assert again.json["result"] == first["result"]
    assert again.json["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "cached_tokens": 7,
        "wasted_tokens": 0,
        "engine_seconds": 0.0,
    }
    assert "cached" not in first
    assert site.api.get(f"/v1/jobs/{again.json['id']}").json == again.json


def test_a_time_by_which_no_job_could_start_is_no_reason_to_refuse_what_need_not_run(site: Site) -> None:
    site.run_once()
    for _ in range(3):
        site.submit(cache="bypass")

    assert site.submit(start_within_s=0.001).status_code == 200


def test_a_hit_dispatches_nothing_and_needs_no_worker(site: Site, store: JobStore) -> None:
    site.run_once()
    store.leave("w1", model="poet")

    assert site.submit().json["status"] == "succeeded"
    assert store.dispatch("poet") == []


def test_infer_is_answered_with_the_known_text(site: Site) -> None:
    site.run_once()
    response = site.api.post("/v1/infer", {**PROMPT, **GREEDY})

    assert (response.status_code, response.headers["Cache-Status"]) == (200, "frontier; hit")
    assert (response.json["text"], response.json["cached"]) == ("Who knocks?", True)


def test_a_stream_of_a_known_result_tells_every_token_under_its_number(site: Site) -> None:
    site.run_once()
    told = site.api.post("/v1/infer", {**PROMPT, **GREEDY, "stream": True})
    read_later = site.api.get(f"{told.headers['Location']}/events")

    assert told.headers["Cache-Status"] == "frontier; hit"
    assert [line for line in told.text.splitlines() if line.startswith(("event:", "id:"))] == [
        *("event: snapshot", "id: -1"),
        *("event: token", "id: 0"),
        *("event: token", "id: 1"),
        *("event: final", "id: 2"),
    ]
    assert read_later.text == told.text


def test_chat_completions_are_answered_whole_and_as_a_stream_with_log_probabilities(site: Site) -> None:
    asked = {**CHAT, **GREEDY, "logprobs": True}
    messages = [{"role": "user", "content": "Hark!"}]
    asked_before = site.submit(
        {"input": {"messages": messages}, "params": {**GREEDY, "logprobs": 0, "max_tokens": 100}}
    )
    site.run(asked_before.json["id"], tokens=TOLD)

    whole = site.api.post("/v1/chat/completions", asked)
    streamed = site.api.post("/v1/chat/completions", {**asked, "stream": True})

    assert (whole.status_code, whole.headers["Cache-Status"]) == (200, "frontier; hit")
    assert whole.json["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}
    assert [one["logprob"] for one in whole.json["choices"][0]["logprobs"]["content"]] == [-0.5, -1.5]
    assert streamed.headers["Cache-Status"] == "frontier; hit"
    assert (streamed.text.count('"logprob":'), streamed.text.strip().splitlines()[-1]) == (2, "data: [DONE]")


@pytest.mark.parametrize("verb", ["pause", "drain"])
def test_a_known_result_is_told_whatever_the_mode_of_its_model(site: Site, verb: str) -> None:
    site.run_once()
    site.api.post(f"/v1/models/poet/{verb}")

    again = site.submit()
    assert (again.status_code, again.headers["Cache-Status"]) == (200, "frontier; hit")


def test_a_response_is_answered_whole_and_as_a_stream(site: Site) -> None:
    messages = [{"role": "user", "content": "Hark!"}]
    asked_before = site.submit({"input": {"messages": messages}, "params": {**GREEDY, "max_tokens": 100}})
    site.run(asked_before.json["id"])
    asked = {"model": "poet", "input": "Hark!", **GREEDY}

    whole = site.api.post("/v1/responses", asked)
    streamed = site.api.post("/v1/responses", {**asked, "stream": True})
    own = site.api.post("/v1/responses", {**asked, "cache": "bypass", "background": True})

    assert (whole.json["status"], whole.headers["Cache-Status"]) == ("completed", "frontier; hit")
    assert whole.json["output"][0]["content"][0]["text"] == "Who knocks?"
    assert whole.json["usage"]["input_tokens_details"]["cached_tokens"] == 3
    deltas = [line for line in streamed.text.splitlines() if line == "event: response.output_text.delta"]
    assert (len(deltas), streamed.text.count("event: response.completed")) == (2, 1)
    assert own.json["status"] == "queued"


@pytest.mark.parametrize(
    "other",
    [
        {"cache": "bypass"},
        {"cache": "refresh"},
        {"params": {"temperature": 0, "max_tokens": 7}},
        {"params": {"temperature": 0.5}},
        {"input": {"prompt": "Hark"}},
        {"model": "clerk"},
    ],
    ids=str,
)
def test_another_request_and_one_that_wants_its_own_run_anew(site: Site, other: dict[str, Any]) -> None:
    site.run_once()

    response = site.submit(other)
    assert (response.status_code, "cached" in response.json) == (202, False)
    assert "Cache-Status" not in response.headers


def test_a_seed_that_the_client_gave_makes_a_text_repeatable_and_one_that_was_drawn_does_not(site: Site) -> None:
    site.run_once(params={"temperature": 0.8, "seed": 3})
    site.run_once(params={"temperature": 0.8})

    assert site.submit(params={"temperature": 0.8, "seed": 3}).status_code == 200
    assert site.submit(params={"temperature": 0.8}).status_code == 202


def test_bypass_keeps_nothing_and_refresh_keeps_the_new_result(site: Site) -> None:
    site.run_once(cache="bypass")
    site.run_once()
    refreshed = site.submit(cache="refresh")
    assert refreshed.status_code == 202

    site.run(refreshed.json["id"], text="Nobody.")
    assert site.submit().json["result"]["text"] == "Nobody."


def test_a_result_is_kept_as_long_as_asked_and_no_longer_than_its_job(site: Site, redis_client: Redis) -> None:
    site.run_once(cache_ttl_s=100)
    site.run_once(params={"temperature": 0, "max_tokens": 7}, retention_s=50)
    site.run_once(params={"temperature": 0, "max_tokens": 8})

    left = sorted(redis_client.ttl(key) for key in redis_client.scan_iter("frontier:cache:entry:*"))
    assert [round(seconds, -1) for seconds in left] == [50, 100, 3600]


def test_an_erased_job_s_result_is_computed_anew(site: Site) -> None:
    job_id = site.run_once()
    hit = site.submit().json["id"]
    assert site.api.send("DELETE", f"/v1/jobs/{hit}").status_code == 204

    assert site.submit().status_code == 202
    assert site.api.get(f"/v1/jobs/{job_id}").json["result"]["text"] == "Who knocks?"


def test_an_erase_through_another_process_holds_within_moments(
    site: Site, make_process: Callable[..., ApiProcess], redis_client: Redis
) -> None:
    other = Api(make_process().test_client())
    job_id = site.run_once()
    assert site.submit().status_code == 200
    assert other.send("DELETE", f"/v1/jobs/{job_id}").status_code == 204

    assert redis_client.keys("frontier:cache:entry:*") == []
    while (again := site.submit()).status_code == 200:
        assert again.json["cached"]
    assert again.status_code == 202


def test_another_revision_of_the_model_gives_no_old_result(site: Site) -> None:
    site.run_once()
    site.revision = "r2"
    site.join()

    while (again := site.submit()).status_code == 200:  # as long as this process takes the old one for the live one
        assert again.json["cached"]
    site.run(again.json["id"], text="Nobody.")
    assert site.submit().json["result"]["text"] == "Nobody."


def test_tenants_get_their_own_results_alone(site: Site) -> None:
    site.run_once()
    theirs = site.api.of("globex")

    assert site.submit(api=theirs).status_code == 202


def test_tenants_get_each_other_s_results_where_the_operator_says_so(
    make_process: Callable[..., ApiProcess], redis_client: Redis, worker: Worker
) -> None:
    site = Site(make_process({"CACHE_SHARED": "true"}), worker, redis_client)
    site.run_once()

    assert site.submit(api=site.api.of("globex")).status_code == 200


def test_without_a_backend_every_job_runs(
    make_process: Callable[..., ApiProcess], redis_client: Redis, worker: Worker
) -> None:
    site = Site(make_process({"CACHE_BACKEND": "none"}), worker, redis_client)
    site.run_once()

    assert site.submit().status_code == 202
    assert site.api.get("/v1/cache").json["backend"] == "none"


def test_a_process_that_keeps_results_in_memory_keeps_what_it_has_told(
    make_process: Callable[..., ApiProcess], redis_client: Redis, worker: Worker
) -> None:
    site = Site(make_process({"CACHE_BACKEND": "memory"}), worker, redis_client)
    key = {"Idempotency_Key": "k"}
    job_id = site.api.post("/v1/infer", {**PROMPT, **GREEDY}, Prefer="respond-async", **key).json["id"]
    lease = worker.claim(job_id)
    site.join()
    assert worker.store.finish(lease, made(made_by="r1"), tokens=TOKENS) == "ok"
    assert site.submit().status_code == 202
    assert site.api.post("/v1/infer", {**PROMPT, **GREEDY}, **key).status_code == 200

    assert site.submit().status_code == 200
    assert redis_client.keys("frontier:cache:*") == []
    assert site.api.send("DELETE", f"/v1/jobs/{job_id}").status_code == 204
    assert site.submit().status_code == 202


def test_memory_is_for_a_single_process(redis_server: str) -> None:
    env = {"TRUTHGPT_API_TOKEN": TOKEN, "REDIS_URL": redis_server, "CACHE_BACKEND": "memory", "API_WORKERS": "2"}
    with pytest.raises(SettingError, match="CACHE_BACKEND: memory is for a single API process"):
        create_app(env)


def test_an_entry_that_cannot_be_read_is_a_miss(site: Site, redis_client: Redis) -> None:
    site.run_once()
    [entry] = redis_client.keys("frontier:cache:entry:*")
    redis_client.set(entry, b"r1\n\x00\x00\x00\x04none")

    assert site.submit().status_code == 202


def test_a_tenant_is_told_its_own_hits_and_the_operator_all(site: Site) -> None:
    theirs = site.api.of("globex")
    site.run_once()
    site.submit()
    site.submit(api=theirs)

    own, all_of_it = theirs.get("/v1/cache").json, site.api.get("/v1/cache").json
    assert own == {"object": "cache", "backend": "redis", "default_ttl_s": 3600, "tenant": {"hits": 0, "misses": 1}}
    assert all_of_it["tenant"] == {"hits": 1, "misses": 1}
    assert {name: all_of_it["shared"][name] for name in ("hits", "misses", "stores", "entries")} == {
        "hits": 1,
        "misses": 2,
        "stores": 1,
        "entries": 1,
    }
    assert all_of_it["process"]["hits"] == 1


def test_what_is_no_word_is_answered_with_the_words_that_there_are(api: Api) -> None:
    for field, words in (("cache", "use, bypass, refresh"), ("priority", "interactive, standard, batch")):
        for value in (True, "always", 1):
            response = api.post("/v1/infer", {**PROMPT, field: value})
            assert response.status_code == 422
            assert response.json["errors"] == [{"field": field, "message": f"Must be one of {words}."}]


@pytest.mark.parametrize(
    ("field", "value"), [("cache", "always"), ("cache", True), ("cache_ttl_s", 0.5), ("cache_ttl_s", "1h")]
)
@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/jobs", {"input": {"prompt": "Hark!"}}), ("/v1/infer", PROMPT), ("/v1/chat/completions", CHAT)],
)
def test_what_makes_no_sense_is_refused_by_name(api: Api, path: str, body: Any, field: str, value: Any) -> None:
    response = api.post(path, {**body, field: value})

    assert response.status_code in {400, 422}
    assert field in response.text
