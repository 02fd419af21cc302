"""Keys: their text, what is stored of them, and how they begin and end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import ConnectionPool, Redis

from jobs.access.api_key import ApiKey, NewKey, Scope
from jobs.access.errors import KeyHasOther, KeyNotFound, KeyNotLive
from jobs.access.hashing import Digest, KeyHasher
from jobs.access.key_text import KeyText, is_key_id
from jobs.access.store import KEPT_SECONDS, KeyStore
from jobs.environment import SettingError
from jobs.webhooks.sealing import VARIABLE, new_key
from tests.jobs.turned_clock import TurnedClock

READS = frozenset({Scope.JOBS_READ})
EPOCH = 1_800_000_000
HASH = Digest("", "0" * 64)


class Ring:
    """Keys over a clock that the test turns."""

    def __init__(self, client: TurnedClock) -> None:
        self.client = client
        self.store = KeyStore(client)
        self.now = EPOCH
        self.wait(0)

    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.client.turn_to(self.now * 1000)

    def make(self, tenant: str = "acme", seconds: float | None = None) -> ApiKey:
        key_id = KeyText.new("live").key_id
        new = NewKey(id=key_id, tenant=tenant, name="ci", scopes=READS, digest=HASH, lifetime_seconds=seconds)
        return self.store.make(new)

    def rotate(self, key: ApiKey, overlap: float = 60) -> ApiKey:
        return self.store.rotate(key.id, KeyText.new("live").key_id, HASH, overlap_seconds=overlap)

    def state(self, key: ApiKey) -> str:
        return self.store.find(key.id).state


@pytest.fixture
def ring(redis_url: str) -> Ring:
    return Ring(TurnedClock(connection_pool=ConnectionPool.from_url(redis_url)))


def test_a_key_says_its_place_and_its_id_and_reads_back() -> None:
    key = KeyText.new("live")

    assert key.text.startswith(f"fr_live_{key.key_id.removeprefix('key_')}_")
    assert KeyText.parse(key.text) == key
    assert is_key_id(key.key_id)
    assert key.signed not in repr(key)


@given(place=st.integers(0, 66), letter=st.sampled_from("0aZ_ é"))
def test_no_key_with_one_wrong_letter_passes(place: int, letter: str) -> None:
    text = KeyText.new("live").text
    typo = text[:place] + letter + text[place + 1 :]

    assert (KeyText.parse(typo) is None) == (typo != text)


@pytest.mark.parametrize("text", ["", "fr_live_", "a-key", "fr_live_x_y", "sk-1234567890"])
def test_what_has_not_the_form_of_a_key_is_none(text: str) -> None:
    assert KeyText.parse(text) is None


def test_a_key_matches_its_own_digest_alone() -> None:
    key, other = KeyText.new("live"), KeyText.new("live")
    for hasher in (KeyHasher(), KeyHasher([b"pepper"])):
        digest = hasher.digest(key)

        assert hasher.matches(key, digest)
        assert not hasher.matches(other, digest)
        assert not hasher.matches(key, None)
        assert key.signed not in digest.value


def test_a_new_pepper_lets_keys_with_the_old_one_in_and_none_without_any() -> None:
    key = KeyText.new("live")
    old, both, new = KeyHasher([b"old"]), KeyHasher([b"new", b"old"]), KeyHasher([b"new"])

    assert both.matches(key, old.digest(key))
    assert both.digest(key) == new.digest(key) != old.digest(key)
    assert not new.matches(key, old.digest(key))
    assert not new.knows(old.digest(key))
    assert not new.matches(key, KeyHasher().digest(key)), "who can write to the store could have planted it"


def test_the_pepper_comes_from_the_key_that_seals_secrets() -> None:
    first, second = new_key(), new_key()
    key = KeyText.new("live")
    digest = KeyHasher.from_env({VARIABLE: first}).digest(key)

    assert KeyHasher.from_env({VARIABLE: f"{second},{first}"}).matches(key, digest)
    assert not KeyHasher.from_env({VARIABLE: second}).matches(key, digest)
    assert KeyHasher.from_env({}).digest(key).pepper == ""
    with pytest.raises(SettingError, match=VARIABLE):
        KeyHasher.from_env({VARIABLE: "no key"})


def test_a_key_is_found_as_it_was_made(ring: Ring) -> None:
    key = ring.make()

    assert ring.store.find(key.id) == key
    assert (key.tenant, key.name, key.scopes, key.digest) == ("acme", "ci", READS, HASH)
    assert (key.created_at, key.expires_at, key.revoked_at, key.last_used_at) == (EPOCH, None, None, None)
    assert key.state == "live"
    with pytest.raises(KeyNotFound):
        ring.store.find("key_unknown")


def test_making_a_key_again_changes_nothing(ring: Ring) -> None:
    key = ring.make()
    again = NewKey(id=key.id, tenant="other", name="x", scopes=frozenset(), digest=HASH)

    assert ring.store.make(again).tenant == "acme"


def test_a_scope_that_only_a_newer_release_knows_is_passed_over(ring: Ring) -> None:
    key = ring.make()
    ring.client.hset(f"frontier:key:{key.id}", "scopes", "jobs:read,jobs:dream")

    assert ring.store.find(key.id).scopes == READS


def test_a_key_expires_by_the_clock_of_the_store(ring: Ring) -> None:
    key = ring.make(seconds=60)
    ring.wait(59)
    assert (ring.state(key), ring.store.find(key.id).seconds_left) == ("live", 1)

    ring.wait(1)

    assert ring.state(key) == "expired"


def test_a_revoked_key_stays_revoked_since_then(ring: Ring) -> None:
    key = ring.make(seconds=60)
    revoked = ring.store.revoke(key.id)
    ring.wait(5)

    assert (revoked.state, revoked.revoked_at) == ("revoked", EPOCH)
    assert ring.store.revoke(key.id).revoked_at == EPOCH
    with pytest.raises(KeyNotFound):
        ring.store.revoke("key_unknown")


def test_an_expired_key_is_not_revoked_afterwards(ring: Ring) -> None:
    key = ring.make(seconds=60)
    ring.wait(60)

    assert ring.store.revoke(key.id).state == "expired"


def test_a_successor_has_all_but_the_secret_and_the_old_key_its_overlap(ring: Ring) -> None:
    old = ring.make(seconds=600)
    ring.wait(100)
    successor = ring.rotate(old, overlap=60)

    assert (successor.tenant, successor.name, successor.scopes) == ("acme", "ci", READS)
    assert successor.expires_at == ring.now + 600
    assert (successor.rotated_from, ring.store.find(old.id).rotated_to) == (old.id, successor.id)
    ring.wait(59)
    assert (ring.state(old), ring.state(successor)) == ("live", "live")
    ring.wait(1)
    assert (ring.state(old), ring.state(successor)) == ("expired", "live")


def test_an_overlap_does_not_outlast_the_key(ring: Ring) -> None:
    old = ring.make(seconds=30)
    ring.rotate(old, overlap=60)

    assert ring.store.find(old.id).expires_at == EPOCH + 30


def test_without_an_overlap_the_old_key_ends_at_once(ring: Ring) -> None:
    old = ring.make()
    ring.rotate(old, overlap=0)

    assert ring.state(old) == "expired"


def test_a_line_has_two_live_keys_at_most(ring: Ring) -> None:
    old = ring.make()
    successor = ring.rotate(old)
    for key, other in ((old, successor), (successor, old)):
        with pytest.raises(KeyHasOther) as refused:
            ring.rotate(key)
        assert refused.value.other == other.id

    ring.wait(60)

    assert ring.rotate(successor).rotated_from == successor.id
    with pytest.raises(KeyNotLive):
        ring.rotate(old)
    with pytest.raises(KeyNotFound):
        ring.store.rotate("key_unknown", "key_new", HASH, overlap_seconds=0)


def test_a_key_whose_successor_was_revoked_is_rotated_again(ring: Ring) -> None:
    old = ring.make()
    ring.store.revoke(ring.rotate(old).id)

    assert ring.store.find(old.id).rotated_to != ring.rotate(old).id


def test_a_rotation_that_is_sent_twice_makes_one_successor(ring: Ring) -> None:
    old = ring.make()
    ids = {ring.store.rotate(old.id, "key_next", HASH, overlap_seconds=60).id for _ in range(2)}

    assert ids == {"key_next"}


def test_of_many_rotations_at_once_one_makes_the_successor(redis_client: Redis) -> None:
    store = KeyStore(redis_client)
    old = store.make(NewKey(id=KeyText.new("live").key_id, tenant="acme", name="", scopes=READS, digest=HASH))

    def rotate(number: int) -> str:
        try:
            return store.rotate(old.id, f"key_{number}", HASH, overlap_seconds=60).id
        except KeyHasOther as error:
            return f"refused for {error.other}"

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(rotate, range(8)))
    made = [one for one in told if not one.startswith("refused")]

    assert len(made) == 1
    assert told.count(f"refused for {made[0]}") == 7
    assert {key.id for key in store.page().keys} == {old.id, made[0]}


def test_use_is_noted_by_the_minute_and_never_backwards(ring: Ring) -> None:
    key = ring.make()
    ring.wait(90)
    for ago in (20.0, 70.0):
        ring.store.touch({key.id: ago, "key_unknown": 0.0})

    assert ring.store.find(key.id).last_used_at == EPOCH + 60
    with pytest.raises(KeyNotFound):
        ring.store.find("key_unknown")


def test_keys_are_listed_newest_first_of_one_tenant_or_of_all(ring: Ring) -> None:
    made = []
    for tenant in ("acme", "beta", "acme"):
        made.append(ring.make(tenant).id)
        ring.wait(1)

    def ids(**query: object) -> list[str]:
        page: Callable[..., object] = ring.store.page
        return [key.id for key in page(**query).keys]  # type: ignore[attr-defined]

    assert ids() == made[::-1]
    assert ids(tenant="acme") == [made[2], made[0]]
    assert ids(tenant="nobody") == []
    assert (ids(limit=2), ids(after=made[1])) == ([made[2], made[1]], [made[0]])
    assert (ring.store.page(limit=2).has_more, ring.store.page(limit=3).has_more) == (True, False)
    with pytest.raises(KeyNotFound):
        ring.store.page(tenant="acme", after=made[1])


def test_keys_that_ended_long_ago_are_forgotten_when_one_is_made(ring: Ring) -> None:
    expired, revoked, live = ring.make(seconds=60), ring.make(), ring.make()
    ring.store.revoke(revoked.id)
    ring.wait(int(KEPT_SECONDS) - 1)
    ring.make()
    assert len(ring.store.page().keys) == 4

    ring.wait(100)
    ring.make("beta")

    listed = {key.id for key in ring.store.page(tenant="acme").keys}
    assert live.id in listed
    assert not listed & {expired.id, revoked.id}
    assert ring.client.exists(f"frontier:key:{expired.id}", f"frontier:key:{revoked.id}") == 0
