"""Who is logged in, for how long, and what gives nobody a session."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.console.own_pages import token_of
from api.process import ApiProcess
from jobs.access.sessions import INVITATION_SECONDS, SessionStore
from tests.api.conftest import TOKEN, Api
from tests.api.console.visitor import COOKIE, OWN, Visitor

HOURS = 3600.0


@pytest.fixture
def sessions(redis_client: Any) -> SessionStore:
    """Over the same Redis, as another process has them."""
    return SessionStore(redis_client, operator_key=TOKEN, longest_seconds=12 * HOURS, idle_seconds=2 * HOURS)


def is_logged_in(visitor: Visitor) -> bool:
    answer = visitor.get("/")
    assert answer.status_code == 200 or (answer.status_code, answer.location) == (303, "/login")
    return bool(answer.status_code == 200)


def the_session(client: Any) -> Any:
    [name] = client.keys("frontier:session:*")
    return name


def test_without_a_session_every_page_leads_to_the_login_and_back(stranger: Visitor) -> None:
    answer = stranger.get("/jobs?status=failed")

    assert (answer.status_code, answer.location) == (303, "/login?to=%2Fjobs%3Fstatus%3Dfailed")
    assert 'name="to" value="/jobs?status=failed"' in stranger.get(answer.location).text
    assert stranger.log_in(to="/jobs?status=failed").location == "/jobs?status=failed"


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "jobs", "/a b", ""])
def test_after_the_login_one_stays_here(stranger: Visitor, to: str) -> None:
    assert stranger.log_in(to=to).location == "/"


def test_a_key_logs_in_as_its_tenant_with_its_scopes(api: Api, stranger: Visitor) -> None:
    stranger.log_in(api.of("acme", "jobs:read").key)

    assert "acme" in stranger.get("/").text
    assert stranger.call("/v1/jobs").status_code == 200
    assert stranger.call("/v1/jobs", "POST", {"input": {"prompt": "Hark!"}}).json["type"] == "/problems/missing-scope"
    assert stranger.press("/", prompt="Hark!", model="poet").status_code == 403


@pytest.mark.parametrize("key", ["", "nonsense", "login_" + "A" * 43, TOKEN + "x"])
def test_what_is_no_key_is_said_so_and_sets_no_cookie(stranger: Visitor, key: str) -> None:
    answer = stranger.log_in(key)

    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert stranger.cookie is None
    assert key == "" or key not in answer.text


def test_the_cookie_is_for_this_host_alone_and_for_no_script(stranger: Visitor) -> None:
    plain = stranger.log_in().headers["Set-Cookie"].split("; ")
    behind_https = stranger.client.post(
        "/login",
        base_url="https://frontier.example",
        data={"key": TOKEN},
        headers={"Origin": "https://frontier.example"},
    )

    assert plain[0].startswith(f"{COOKIE}=operator.")
    assert sorted(plain[1:]) == ["HttpOnly", "Path=/", "SameSite=Strict"]
    secure = behind_https.headers["Set-Cookie"].split("; ")
    assert secure[0].startswith("__Host-frontier=operator.")
    assert sorted(secure[1:]) == ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]


@pytest.mark.parametrize(("peer", "is_believed"), [("10.0.0.7", True), ("203.0.113.9", False)])
def test_a_trusted_proxy_says_that_its_client_speaks_https(
    make_process: Callable[..., ApiProcess], redis_url: str, peer: str, *, is_believed: bool
) -> None:
    del redis_url
    client = make_process({"API_TRUSTED_PROXIES": "10.0.0.0/8"}).test_client()
    headers = {"Origin": OWN, "X-Forwarded-Proto": "https"}
    answer = client.post("/login", data={"key": TOKEN}, headers=headers, environ_base={"REMOTE_ADDR": peer})

    assert ("Secure" in answer.headers["Set-Cookie"]) is is_believed


def test_a_login_begins_a_new_session_and_ends_the_one_before(stranger: Visitor, sessions: SessionStore) -> None:
    """So whoever has planted a cookie, or seen the old one, has nothing of it."""
    stranger.cookie = f"operator.{'A' * 43}"
    assert not is_logged_in(stranger)
    stranger.log_in()
    first = str(stranger.cookie)
    stranger.log_in()

    assert first != f"operator.{'A' * 43}"
    assert sessions.find(first) is None
    assert sessions.find(f"operator.{'A' * 43}") is None
    assert is_logged_in(stranger)


def test_the_logout_ends_the_session_for_whoever_has_its_cookie(visitor: Visitor, process: ApiProcess) -> None:
    thief = Visitor(process)
    thief.cookie = str(visitor.cookie)
    assert is_logged_in(thief)

    assert visitor.press("/logout").location == "/login"

    assert visitor.cookie is None
    assert not is_logged_in(visitor)
    assert not is_logged_in(thief)


def test_a_session_ends_when_it_is_idle_and_at_its_end_however_it_is_used(visitor: Visitor, redis_client: Any) -> None:
    name = the_session(redis_client)
    redis_client.pexpire(name, 60_000)
    assert is_logged_in(visitor)
    assert 2 * HOURS - 60 < redis_client.ttl(name) <= 2 * HOURS

    ends = redis_client.get(name)
    redis_client.set(name, int(ends) - round(12 * HOURS * 1000), keepttl=True)
    assert not is_logged_in(visitor)
    assert redis_client.keys("frontier:session:*") == []


def test_a_revoked_key_ends_its_sessions(
    api: Api, stranger: Visitor, make_process: Callable[..., ApiProcess], redis_client: Any
) -> None:
    """Noticed as that of the key itself is: by a process that has it in memory some seconds later."""
    stranger.log_in(api.of("acme").key)
    token = stranger.token
    key_id = api.get("/v1/admin/keys?tenant=acme").json["data"][0]["id"]
    elsewhere = Visitor(make_process())
    elsewhere.cookie = str(stranger.cookie)
    api.send("DELETE", f"/v1/admin/keys/{key_id}")

    assert elsewhere.client.get("/v1/jobs", headers={"X-CSRF-Token": token}).status_code == 401
    assert redis_client.keys("frontier:session:*") == []
    assert not is_logged_in(elsewhere)
    assert not is_logged_in(stranger)


def test_another_operators_key_knows_no_session_of_the_old_one(
    visitor: Visitor, make_process: Callable[..., ApiProcess]
) -> None:
    renewed = Visitor(make_process({"TRUTHGPT_API_TOKEN": "another-key"}))
    renewed.cookie = str(visitor.cookie)

    assert not is_logged_in(renewed)


def test_redis_has_neither_cookies_nor_links_and_a_session_becomes_no_other_keys(
    visitor: Visitor, sessions: SessionStore, redis_client: Any
) -> None:
    invitation = sessions.invite()
    told = [*redis_client.keys("*"), *(redis_client.get(name) for name in redis_client.keys("frontier:session:*"))]

    secret = str(visitor.cookie).partition(".")[2]
    assert not any(text.encode() in one for text in (secret, invitation, invitation[6:]) for one in told)
    assert sessions.find(f"key_{'0' * 22}.{secret}") is None


def test_of_many_who_redeem_a_link_at_once_one_is_let_in(sessions: SessionStore) -> None:
    invitation = sessions.invite()
    with ThreadPoolExecutor(16) as visitors:
        let_in = list(visitors.map(lambda _: sessions.redeem(invitation), range(32)))

    assert let_in.count(True) == 1


def test_a_link_logs_in_once(process: ApiProcess, sessions: SessionStore) -> None:
    invitation = sessions.invite()
    first, second = Visitor(process), Visitor(process)

    assert first.log_in(invitation).status_code == 303
    refused = second.log_in(invitation)

    assert (refused.status_code, second.cookie) == (401, None)
    assert "was used before" in refused.text
    assert "default" in first.get("/").text


def test_a_link_is_good_for_some_minutes(sessions: SessionStore, redis_client: Any) -> None:
    sessions.invite()
    [name] = redis_client.keys("frontier:invitation:*")

    assert 0 < redis_client.ttl(name) <= INVITATION_SECONDS


def test_an_address_has_so_many_tries_at_the_login(make_process: Callable[..., ApiProcess], redis_url: str) -> None:
    del redis_url
    process = make_process({"RATE_LIMIT_AUTH_FAILURES": "3"})
    guesser = Visitor(process)
    statuses = [guesser.log_in("nonsense").status_code for _ in range(4)]

    assert statuses == [401, 401, 401, 429]
    assert guesser.log_in("login_" + "A" * 43).status_code == 429
    assert guesser.log_in().status_code == 303, "the operator's own key is compared, not looked up"
    assert is_logged_in(guesser), "a session that was seen here goes on"
    stranger = Visitor(process)
    stranger.cookie = f"operator.{'B' * 43}"
    assert stranger.get("/").status_code == 429


def test_pages_without_a_cookie_count_for_nobody(make_process: Callable[..., ApiProcess], redis_url: str) -> None:
    del redis_url
    stranger = Visitor(make_process({"RATE_LIMIT_AUTH_FAILURES": "3"}))

    assert {stranger.get("/").status_code for _ in range(9)} == {303}


def test_switched_off_there_are_neither_pages_nor_sessions(
    make_process: Callable[..., ApiProcess], visitor: Visitor
) -> None:
    process = make_process({"ENABLE_CONSOLE": "false"})
    without = Visitor(process)
    without.cookie = str(visitor.cookie)
    token = token_of(str(visitor.cookie))

    assert without.get("/login").status_code == 401
    assert without.client.get("/v1/jobs", headers={"X-CSRF-Token": token}).status_code == 401
    assert Api(process.test_client()).get("/").status_code == 404
