"""Addresses that send no valid key: how many tries they have, and who is not touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from api.client_address import counted_address
from api.failed_keys import MOST_SHUT_OUT, FailedKeys
from api.process import ApiProcess
from jobs.access.key_text import KeyText
from resilience.rate_limit.limiter import RateLimiter
from tests.api.conftest import Api
from tests.api.limited import policies, remaining

FAILURES = 5
ELSEWHERE = "203.0.113.7"


@pytest.fixture
def api(make_process: Callable[..., ApiProcess], redis_url: str) -> Api:
    """A process that has met no address yet."""
    del redis_url
    return Api(make_process({"RATE_LIMIT_AUTH_FAILURES": str(FAILURES)}).test_client())


def guess(api: Api, address: str = "127.0.0.1", key: str | None = None) -> Any:
    """A call with a key of the right form that nobody has."""
    stranger = Api(api.client, KeyText.new("live").text if key is None else key)
    return stranger.send("GET", "/v1/models", environ_base={"REMOTE_ADDR": address})


def commands(client: Redis) -> int:
    """Of all that the server was asked."""
    info: Any = client.info("stats")
    return int(info["total_commands_processed"])


def test_an_address_has_so_many_tries_and_then_waits(api: Api) -> None:
    tries = [guess(api) for _ in range(FAILURES)]
    refused = guess(api)

    assert [one.status_code for one in tries] == [401] * FAILURES
    assert [remaining(one) for one in tries] == [{"address": left} for left in range(FAILURES - 1, -1, -1)]
    assert policies(tries[0]) == {"address": (FAILURES, 60)}
    assert (refused.status_code, refused.json["type"]) == (429, "/problems/rate-limited")
    assert refused.json["violated-policies"] == ["address"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert remaining(refused) == {"address": 0}


@pytest.mark.parametrize("header", [None, "Basic Zm9v", "Bearer", "Bearer nonsense", "Token a-key-for-tests"])
def test_whatever_is_no_key_counts(api: Api, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    statuses = [api.client.get("/v1/models", headers=headers).status_code for _ in range(FAILURES + 1)]

    assert statuses == [401] * FAILURES + [429]


def test_who_is_over_the_limit_is_refused_before_anything_is_looked_up(api: Api, redis_client: Redis) -> None:
    for _ in range(FAILURES + 1):
        guess(api)
    before = commands(redis_client)
    refused = [guess(api) for _ in range(20)]

    assert {one.status_code for one in refused} == {429}
    assert remaining(refused[0]) == {"address": 0}
    assert commands(redis_client) == before + 1, "the look at the statistics itself"


def test_every_process_shuts_out_who_has_failed_at_another(api: Api, make_process: Callable[..., ApiProcess]) -> None:
    for _ in range(FAILURES + 1):
        guess(api)
    other = Api(make_process({"RATE_LIMIT_AUTH_FAILURES": str(FAILURES)}).test_client())

    assert guess(other).status_code == 429


def test_other_addresses_are_not_touched_and_neither_is_what_needs_no_key(api: Api) -> None:
    for _ in range(FAILURES + 1):
        guess(api)

    assert guess(api, ELSEWHERE).status_code == 401
    good = api.send("GET", "/v1/models", environ_base={"REMOTE_ADDR": ELSEWHERE})
    assert good.status_code == 200
    assert api.client.get("/health/live").status_code == 200


def test_behind_a_shared_address_keys_that_are_in_use_go_on(api: Api) -> None:
    """One client that asks in a loop with an old key does not shut out the office that it sits in."""
    colleague, newcomer = api.of("acme"), api.of("acme")
    assert colleague.get("/v1/jobs").status_code == 200
    for _ in range(FAILURES + 1):
        guess(api)

    assert colleague.get("/v1/jobs").status_code == 200
    assert api.get("/v1/jobs").status_code == 200, "the operator's is known to every process"
    assert newcomer.get("/v1/jobs").status_code == 429, "nobody looks up who that is"
    assert guess(api, key=colleague.key[:-1]).status_code == 429


def test_a_good_call_does_not_give_tries_back_and_takes_none(api: Api) -> None:
    for _ in range(FAILURES):
        assert guess(api).status_code == 401
        assert api.get("/v1/models").status_code == 200

    assert guess(api).status_code == 429


def test_without_a_limit_nobody_is_shut_out(make_process: Callable[..., ApiProcess], redis_client: Redis) -> None:
    api = Api(make_process({"RATE_LIMIT_AUTH_FAILURES": "none"}).test_client())
    answers = [guess(api) for _ in range(70)]

    assert {one.status_code for one in answers} == {401}
    assert "RateLimit" not in answers[0].headers
    assert redis_client.keys("frontier:limit:*") == []


class Gate:
    """Failures over a real limiter; the test says what time it is here."""

    def __init__(self, client: Redis) -> None:
        self.now = 0.0
        limiter = RateLimiter(client, prefix="limits:")
        self.failures = FailedKeys(limiter=limiter, failures=1, clock=lambda: self.now)

    def fails(self, address: str, times: int = 2) -> None:
        for _ in range(times):
            self.failures.count(address)


def test_who_was_shut_out_is_asked_about_again_when_the_time_is_over(redis_client: Redis) -> None:
    gate = Gate(redis_client)
    gate.fails(ELSEWHERE)
    told = gate.failures.refusal(ELSEWHERE)
    assert told is not None
    gate.now = told.retry_after_seconds - 0.1
    assert gate.failures.refusal(ELSEWHERE)
    gate.now += 0.2

    assert gate.failures.refusal(ELSEWHERE) is None


def test_no_more_addresses_are_known_by_heart_than_may_be(redis_client: Redis) -> None:
    gate = Gate(redis_client)
    addresses = [f"10.0.{n // 250}.{n % 250}" for n in range(3)]
    gate.failures._shut_until.update({f"192.0.2.{n}": 1e9 for n in range(MOST_SHUT_OUT - 2)})
    for address in addresses:
        gate.fails(address)

    assert gate.failures.refusal("192.0.2.0") is None
    assert gate.failures.refusal("192.0.2.1")
    assert all(gate.failures.refusal(address) for address in addresses)


def test_all_of_an_ipv6_network_that_one_client_has_counts_as_one_address(redis_client: Redis) -> None:
    gate = Gate(redis_client)
    gate.fails("2001:db8:1:2::1", 1)
    gate.fails("2001:db8:1:2:ffff:ffff:ffff:ffff", 1)

    assert gate.failures.refusal("2001:db8:1:2::77")
    assert gate.failures.refusal("2001:db8:1:3::1") is None


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:7:1::1", "2001:db8:0:7::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("a socket", "unknown"),
    ],
)
def test_what_stands_for_an_address(address: str, counted: str) -> None:
    assert counted_address(address) == counted


def test_an_address_is_the_client_s_as_trusted_proxies_tell_it(
    make_process: Callable[..., ApiProcess], redis_url: str
) -> None:
    del redis_url
    env = {"RATE_LIMIT_AUTH_FAILURES": "1", "API_TRUSTED_PROXIES": "127.0.0.1"}
    client = make_process(env).test_client()

    def attempt(forwarded: str) -> int:
        return int(client.get("/v1/models", headers={"X-Forwarded-For": forwarded}).status_code)

    assert [attempt(ELSEWHERE), attempt(ELSEWHERE)] == [401, 429]
    assert attempt(f"{ELSEWHERE}, 203.0.113.8") == 401, "what a client writes itself counts for nothing"
