"""What the operator does with keys, and what their holders notice of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from redis import Redis

from api.auth import Caller
from api.key_ring import TRUSTED_SECONDS, KeyRing
from api.key_uses import KeyUses
from api.process import ApiProcess
from jobs.access.api_key import ApiKey, NewKey, Scope
from jobs.access.hashing import KeyHasher
from jobs.access.key_text import KeyText
from jobs.access.store import KeyStore
from jobs.errors import StoreUnavailable
from scripts.ports import free_port
from tests.api.conftest import Api

KEYS = "/v1/admin/keys"
BODY = {"tenant": "acme", "scopes": ["jobs:read"]}


class Ring:
    """A ring over a real store; the test says what time it is."""

    def __init__(self, client: Redis, hasher: KeyHasher | None = None, *, most_known: int = 10) -> None:
        self.store = KeyStore(client)
        self.hasher = hasher or KeyHasher()
        self.now = 0.0
        self.asked: list[str] = []
        self.used: list[str] = []
        self.is_away = False
        self.ring = KeyRing(
            find=self.find,
            hasher=self.hasher,
            clock=lambda: self.now,
            note_use=self.used.append,
            most_known=most_known,
        )

    def find(self, key_id: str) -> ApiKey:
        self.asked.append(key_id)
        if self.is_away:
            raise StoreUnavailable("gone")
        return self.store.find(key_id)

    def make(self, *, seconds: float | None = None) -> KeyText:
        text = KeyText.new("live")
        self.store.make(
            NewKey(
                id=text.key_id,
                tenant="acme",
                name="",
                scopes=frozenset({Scope.JOBS_READ}),
                digest=self.hasher.digest(text),
                lifetime_seconds=seconds,
            )
        )
        return text


@pytest.fixture
def ring(redis_client: Redis) -> Ring:
    return Ring(redis_client)


def test_a_key_is_shown_once_and_opens_what_its_scopes_say(api: Api) -> None:
    made = api.post(KEYS, BODY | {"name": "reports", "expires_in_s": 3600})
    assert made.status_code == 201
    assert made.headers["Location"] == f"{KEYS}/{made.json['id']}"
    listed = api.get(f"{KEYS}/{made.json['id']}").json
    assert listed == {name: value for name, value in made.json.items() if name != "key"}
    assert (listed["tenant"], listed["name"], listed["scopes"]) == ("acme", "reports", ["jobs:read"])

    holder = Api(api.client, made.json["key"])

    assert holder.get("/v1/jobs").status_code == 200
    assert holder.post("/v1/jobs", {"input": {"prompt": "Hark!"}}).status_code == 403


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tenant": "Acme"}, "tenant"),
        ({"tenant": "a" * 33}, "tenant"),
        ({"tenant": "-a"}, "tenant"),
        ({"tenant": "acme\n"}, "tenant"),
        ({"tenant": 7}, "tenant"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["jobs:everything"]}, "scopes[0]"),
        ({"expires_in_s": 0}, "expires_in_s"),
        ({"name": "n" * 201}, "name"),
        ({"label": "mine"}, "label"),
        ({"limits": {"rpm": 1}}, "limits.rpm"),
        ({"limits": {"requests_per_minute": 0}}, "limits.requests_per_minute"),
        ({"limits": {"requests_per_minute": True}}, "limits.requests_per_minute"),
        ({"limits": {"requests_per_hour": 10**7}}, "limits.requests_per_hour"),
        ({"limits": {"requests_per_hour": 9, "burst": 2}}, "limits.burst"),
        ({"limits": {}}, "limits"),
        ({"limits": "all"}, "limits"),
        ({"limits": 60}, "limits"),
    ],
)
def test_what_no_key_can_be_is_refused_by_name(api: Api, change: dict[str, Any], field: str) -> None:
    refused = api.post(KEYS, BODY | change)

    assert refused.status_code == 422
    assert refused.json["errors"][0]["field"] == field


def test_keys_are_listed_in_pages_without_what_opens(api: Api) -> None:
    ids = [api.post(KEYS, BODY).json["id"] for _ in range(3)]
    api.post(KEYS, BODY | {"tenant": "beta"})

    first = api.get(f"{KEYS}?tenant=acme&limit=2").json
    rest = api.get(f"{KEYS}?tenant=acme&limit=2&after={first['last_id']}").json

    assert {one["id"] for one in first["data"] + rest["data"]} == set(ids)
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert all("key" not in one for one in first["data"])
    assert api.get(f"{KEYS}?after=key_0000000000000000000000").status_code == 422


def test_a_rotation_shows_a_successor_and_a_second_one_is_refused(api: Api) -> None:
    old = api.post(KEYS, BODY).json
    successor = api.post(f"{KEYS}/{old['id']}/rotate")
    again = api.post(f"{KEYS}/{old['id']}/rotate")

    assert successor.status_code == 201
    assert successor.json["rotated_from"] == old["id"]
    assert (again.status_code, again.json["type"]) == (409, "/problems/key-has-other")
    assert successor.json["id"] in again.json["detail"]
    for key in (old["key"], successor.json["key"]):
        assert Api(api.client, key).get("/v1/jobs").status_code == 200


def test_without_an_overlap_only_the_successor_is_good(api: Api) -> None:
    old = api.post(KEYS, BODY).json
    successor = api.post(f"{KEYS}/{old['id']}/rotate", {"overlap_s": 0}).json

    assert Api(api.client, old["key"]).get("/v1/jobs").status_code == 401
    assert Api(api.client, successor["key"]).get("/v1/jobs").status_code == 200
    assert api.post(f"{KEYS}/{old['id']}/rotate").json["type"] == "/problems/key-not-live"


def test_unknown_revoked_expired_and_malformed_keys_are_told_alike(api: Api) -> None:
    revoked = api.post(KEYS, BODY).json
    api.send("DELETE", f"{KEYS}/{revoked['id']}")
    assert api.get(f"{KEYS}/{revoked['id']}").json["status"] == "revoked"
    expired = api.post(KEYS, BODY).json
    api.post(f"{KEYS}/{expired['id']}/rotate", {"overlap_s": 0})
    live = api.post(KEYS, BODY).json["key"]
    wrong = KeyText.new("live")
    stolen_id = KeyText(wrong.key_id, f"{live[:31]}{wrong.signed[31:]}")
    keys = [revoked["key"], expired["key"], wrong.text, stolen_id.text, "fr_live_x", "", "a b", "ü"]

    answers = [Api(api.client, key).get("/v1/jobs") for key in keys]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {'Bearer realm="frontier"'}
    assert len({answer.text for answer in answers}) == 1
    assert Api(api.client, live).get("/v1/jobs").status_code == 200


def test_what_could_be_no_key_or_is_none_is_404(api: Api) -> None:
    for key_id in ("key_0000000000000000000000", "operator", "key_1"):
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
            answer = api.send(method, f"{KEYS}/{key_id}{path}")
            assert (answer.status_code, answer.json["type"]) == (404, "/problems/key-not-found")


def test_a_key_in_use_is_read_again_after_a_few_seconds_alone(ring: Ring) -> None:
    key = ring.make()
    for now in (0.0, 1.0, TRUSTED_SECONDS - 0.1, TRUSTED_SECONDS):
        ring.now = now
        assert ring.ring.identify(key.text) == Caller("acme", key.key_id, frozenset({Scope.JOBS_READ}))

    assert ring.asked == [key.key_id] * 2
    assert ring.used == [key.key_id] * 4


def test_a_revocation_is_noticed_within_five_seconds(ring: Ring) -> None:
    key = ring.make()
    assert ring.ring.identify(key.text)
    ring.store.revoke(key.key_id)
    ring.now = TRUSTED_SECONDS

    assert TRUSTED_SECONDS < 5
    assert ring.ring.identify(key.text) is None


def test_a_key_that_expires_while_it_is_trusted_ends_then(ring: Ring) -> None:
    key = ring.make(seconds=2)
    assert ring.ring.identify(key.text)
    ring.now = 2.1

    assert ring.ring.identify(key.text) is None
    assert len(ring.asked) == 1


def test_while_the_store_is_away_known_keys_are_trusted_for_seconds_and_nobody_is_told_401(ring: Ring) -> None:
    key, other = ring.make(), ring.make()
    assert ring.ring.identify(key.text)
    ring.is_away = True
    ring.now = TRUSTED_SECONDS - 0.1

    assert ring.ring.identify(key.text)
    for text in (key.text, other.text):
        ring.now = TRUSTED_SECONDS
        with pytest.raises(StoreUnavailable):
            ring.ring.identify(text)


def test_a_typo_is_refused_without_asking_the_store(ring: Ring) -> None:
    key = ring.make()

    assert ring.ring.identify(key.text[:-1] + ("0" if key.text[-1] != "0" else "1")) is None
    assert ring.asked == []


def test_no_more_keys_are_known_than_may_be_and_unknown_ones_take_no_room(redis_client: Redis) -> None:
    ring = Ring(redis_client, most_known=2)
    keys = [ring.make() for _ in range(3)]
    for key in (*keys, KeyText.new("live"), keys[1], keys[2], keys[0]):
        ring.ring.identify(key.text)

    asked = [one.key_id for one in keys]
    assert [one for one in ring.asked if one in asked] == [*asked, asked[0]]


def test_a_key_that_was_let_in_is_said_to_have_ended_when_it_is_known_to(ring: Ring) -> None:
    key = ring.make()
    assert not ring.ring.has_ended(key.key_id)
    assert not ring.ring.has_ended("operator")
    ring.store.revoke(key.key_id)
    ring.now = TRUSTED_SECONDS

    ring.is_away = True
    assert not ring.ring.has_ended(key.key_id)
    ring.is_away = False
    assert ring.ring.has_ended(key.key_id)
    assert ring.ring.has_ended("key_forgotten")


def test_another_secret_key_closes_old_keys_and_says_so(redis_client: Redis, caplog: pytest.LogCaptureFixture) -> None:
    key = Ring(redis_client, KeyHasher([b"old"])).make()
    caplog.set_level(logging.WARNING)

    assert Ring(redis_client, KeyHasher([b"new"])).ring.identify(key.text) is None
    assert [record.message for record in caplog.records] == ["key_hashed_with_another_secret_key"]


def test_uses_are_written_later_with_their_age_and_kept_while_the_store_is_away() -> None:
    now = 100.0
    written: list[Mapping[str, float]] = []
    is_away = True

    def write(used: Mapping[str, float]) -> None:
        if is_away:
            raise StoreUnavailable("gone")
        written.append(used)

    uses = KeyUses(clock=lambda: now, write=write)
    uses.flush()
    uses.note("key_a")
    now = 110.0
    uses.note("key_b")
    with pytest.raises(StoreUnavailable):
        uses.flush()
    uses.note("key_b")
    is_away, now = False, 130.0
    uses.flush()
    uses.flush()

    assert written == [{"key_a": 30.0, "key_b": 20.0}]


def test_what_is_kept_of_a_key_does_not_tell_it(api: Api, redis_client: Redis) -> None:
    made = api.post(KEYS, BODY).json
    kept: Any = redis_client.hgetall(f"frontier:key:{made['id']}")

    assert len(kept[b"hash"]) == 64
    assert made["key"].rpartition("_")[2].encode() not in b" ".join(kept.values())


@pytest.mark.usefixtures("redis_url")
def test_a_process_that_ends_writes_down_what_was_used(make_process: Callable[..., ApiProcess], ring: Ring) -> None:
    process = make_process()
    holder = Api(process.test_client()).of("acme")
    assert ring.store.page().keys[0].last_used_at is None
    holder.get("/v1/jobs")

    process.stop()

    [key] = ring.store.page().keys
    assert key.last_used_at is not None
    assert key.last_used_at % 60 == 0


def test_while_the_store_is_away_a_good_key_is_503_and_a_typo_401(make_process: Callable[..., ApiProcess]) -> None:
    client = make_process({"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}).test_client()
    key = KeyText.new("live").text

    away = Api(client, key).get("/v1/models")
    assert (away.status_code, away.json["type"]) == (503, "/problems/store-unavailable")
    assert "Retry-After" in away.headers
    assert Api(client, key[:-1] + "_").get("/v1/models").status_code == 401
    assert Api(client).get("/v1/models").status_code == 200, "the operator's key is known without it"


def test_a_key_is_recognised_without_asking_for_as_long_as_it_was_live_when_it_was_read(ring: Ring) -> None:
    key = ring.make()
    assert not ring.ring.recognises(key.text), "nobody has shown it here"
    ring.ring.identify(key.text)
    ring.now = 100 * TRUSTED_SECONDS
    asked = len(ring.asked)
    assert ring.ring.recognises(key.text)
    other = KeyText(key.key_id, key.signed[:-1] + ("0" if key.signed[-1] != "0" else "1"))
    assert not ring.ring.recognises(other.text), "the id of a key is not the key"
    assert not ring.ring.recognises("nonsense")
    assert len(ring.asked) == asked

    ring.store.revoke(key.key_id)
    assert ring.ring.identify(key.text) is None
    assert not ring.ring.recognises(key.text)
