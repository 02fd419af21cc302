"""The verdict on an attack is the set of addresses on which a connection was tried."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, ip_address, ip_network
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resilience.egress import guard
from resilience.egress.addresses import is_public
from resilience.egress.errors import Fault, RequestFailed, UrlNotAllowed
from resilience.egress.guard import EgressGuard, EgressRules, system_resolve
from resilience.egress.post import Poster
from resilience.egress.url import parse_url
from tests.resilience.attacks import ALLOWED, ANOTHER, NAME, PUBLIC, WHOLE, Attack, all_attacks
from tests.resilience.connects import Tried, all_connects_refused
from tests.resilience.names import Names

POSTER = Poster()
ATTACKS = all_attacks()
DEVELOPMENT = EgressRules(exempt=(IPv4Network("127.0.0.0/8"),))


def reached(url: str, names: Names, rules: EgressRules | None = None) -> Tried:
    """What was tried on the way of a POST to *url*, from the check to its end."""
    doorkeeper = EgressGuard(rules or EgressRules(), names)
    with all_connects_refused() as tried:
        try:
            POSTER.post(doorkeeper.check(url), b"{}", {"Content-Type": "application/json"})
        except (UrlNotAllowed, RequestFailed):
            pass
        else:
            pytest.fail("there was an answer although every connection was refused")
    return tried


def test_there_are_enough_attacks() -> None:
    assert len(set(map(str, ATTACKS))) >= 150


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_reaches_nothing(attack: Attack) -> None:
    tried = reached(attack.url, Names(attack.answers))
    assert (tried.addresses, tried.names) == ([], [])


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_reaches_nothing_where_http_is_allowed_and_another_network_is_open(attack: Attack) -> None:
    rules = EgressRules(allow_http=True, exempt=(IPv4Network("10.77.0.0/16"),))
    tried = reached(attack.url, Names(attack.answers), rules)
    allowed = {PUBLIC} if attack.url.lower().startswith("http://") or ":80/" in attack.url else set()
    assert set(tried.addresses) <= allowed


@pytest.mark.parametrize("attack", ALLOWED, ids=str)
def test_what_is_allowed_reaches_its_own_addresses_and_no_name_is_looked_up_again(attack: Attack) -> None:
    tried = reached(attack.url, Names(attack.answers))
    assert set(tried.addresses) == attack.may_reach
    assert set(tried.names) <= attack.may_reach


def test_an_answer_that_changes_between_check_and_use_changes_nothing() -> None:
    names = Names({NAME: [PUBLIC]}, {NAME: ["127.0.0.1"]})
    tried = reached(f"https://{NAME}/x", names)
    assert set(tried.addresses) == {PUBLIC}
    assert names.asked == [NAME]


def test_each_use_is_checked_anew() -> None:
    names = Names({NAME: [PUBLIC]}, {NAME: ["127.0.0.1"]})
    doorkeeper = EgressGuard(EgressRules(), names)
    doorkeeper.check(f"https://{NAME}/x")
    with pytest.raises(UrlNotAllowed, match=r"127\.0\.0\.1 is no public address"):
        doorkeeper.check(f"https://{NAME}/x")


def test_a_name_is_not_even_looked_up_where_the_url_alone_rules_it_out() -> None:
    names = Names({NAME: [PUBLIC]})
    reached(f"http://{NAME}/x", names)
    reached(f"https://{NAME}:22/x", names)
    assert names.asked == []


@pytest.mark.parametrize(
    ("url", "answers", "addresses"),
    [
        ("http://127.0.0.1:9000/x", {}, ["127.0.0.1"]),
        ("http://127.0.0.1/x", {}, ["127.0.0.1"]),
        ("https://127.8.9.10:1/x", {}, ["127.8.9.10"]),
        (f"http://{NAME}:9000/x", {NAME: ["127.0.0.1"]}, ["127.0.0.1"]),
        (f"http://{NAME}:9000/x", {NAME: ["127.0.0.1", PUBLIC]}, []),
        (f"http://{NAME}:9000/x", {NAME: [PUBLIC]}, []),
        (f"https://{NAME}/x", {NAME: ["127.0.0.1", PUBLIC]}, ["127.0.0.1", PUBLIC]),
        (f"https://{NAME}/x", {NAME: ["127.0.0.1", "10.0.0.1"]}, []),
        ("http://10.0.0.1/x", {}, []),
        ("http://[::1]:9000/x", {}, []),
        ("http://[::ffff:127.0.0.1]:9000/x", {}, ["127.0.0.1"]),
        ("http://localhost:9000/x", {"localhost": ["127.0.0.1"]}, []),
        ("http://2130706433/x", {}, []),
    ],
    ids=str,
)
def test_an_open_network_is_exempt_from_scheme_port_and_literal_and_from_nothing_else(
    url: str, answers: Mapping[str, Sequence[str]], addresses: list[str]
) -> None:
    assert reached(url, Names(answers), DEVELOPMENT).addresses == addresses


def test_http_may_be_allowed_to_public_names_on_its_own_port() -> None:
    rules = EgressRules(allow_http=True)
    assert reached(f"http://{NAME}/x", Names({NAME: [ANOTHER]}), rules).addresses == [ANOTHER]
    assert reached(f"http://{NAME}:8080/x", Names({NAME: [ANOTHER]}), rules).addresses == []
    assert reached("http://10.0.0.1/x", Names({}), rules).addresses == []


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    assert reached(f"https://{NAME}/x", Names({NAME: [PUBLIC]})).addresses == [PUBLIC]


def test_a_name_without_an_answer_is_a_fault_of_dns_and_not_forbidden() -> None:
    with pytest.raises(RequestFailed) as failed:
        EgressGuard(EgressRules(), Names({})).check(f"https://{NAME}/x")
    assert failed.value.fault is Fault.DNS


def test_the_systems_resolver_is_asked() -> None:
    assert system_resolve("127.0.0.1", 443) == ["127.0.0.1"]
    with pytest.raises(OSError):  # noqa: PT011 - the system's own words
        system_resolve("no-such-name.invalid", 443)


def test_a_resolver_that_keeps_silent_is_a_fault_of_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = threading.Event()

    def keep_silent(*_: object, **__: object) -> list[object]:
        heard.wait(60)
        return []

    monkeypatch.setattr(guard, "RESOLVE_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", keep_silent)
    with pytest.raises(RequestFailed, match="no answer within") as failed:
        EgressGuard(EgressRules()).check(f"https://{NAME}/")
    heard.set()
    assert failed.value.fault is Fault.DNS


@given(
    st.one_of(
        st.text(max_size=60), st.text(max_size=40).map("https://{}".format), st.from_regex(r"https?://[ -~]{0,30}")
    )
)
@example("https://[::1%]/")
@example("https://xn--a/")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        target = parse_url(text)
    except UrlNotAllowed:
        return
    assert f"{target.origin}{target.path}".isascii()
    assert parse_url(f"{target.origin}{target.path}") == target


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_is_public_is_so_for_python_too(address: object) -> None:
    """Ours is the stricter table; Python's knows what is new in the registries."""
    found = ip_address(str(address))
    if is_public(found) and getattr(found, "ipv4_mapped", None) is None:
        assert found.is_global
        assert not found.is_multicast


def test_every_address_of_a_forbidden_network_is_forbidden() -> None:
    chance = Random(7)
    for text in ("10.0.0.0/8", "169.254.0.0/16", "fd00::/8", "64:ff9b::/96", "2002::/16", "::/8"):
        network = ip_network(text)
        for _ in range(200):
            assert not is_public(network[chance.randrange(network.num_addresses)])


def test_reasons_do_not_repeat_the_url() -> None:
    """They go to the operators' log, and whoever gave the URL should not write it."""
    for url in WHOLE:
        try:
            EgressGuard(EgressRules(), Names({NAME: [PUBLIC]})).check(url)
        except UrlNotAllowed as refused:
            assert len(str(refused)) < 80  # noqa: PT017 - of each
