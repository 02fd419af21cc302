"""Who a client is, behind proxies that are trusted and with others that make things up."""

from __future__ import annotations

import logging
from collections.abc import Callable
from ipaddress import ip_network

import pytest

from api.client_address import client_address
from api.process import ApiProcess
from tests.api.conftest import Api

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9,198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "203.0.113.9, whatever", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9,", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("fd00::1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.7", ""),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_not_ours(peer: str, forwarded_for: str, client: str) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == client


@pytest.mark.parametrize(("proxies", "client"), [("127.0.0.1", "198.51.100.7"), ("", "127.0.0.1")])
@pytest.mark.usefixtures("redis_url")
def test_the_log_names_from_where_a_key_was_made(
    make_process: Callable[..., ApiProcess], caplog: pytest.LogCaptureFixture, proxies: str, client: str
) -> None:
    caplog.set_level(logging.INFO)
    api = Api(make_process({"API_TRUSTED_PROXIES": proxies}).test_client())
    body = {"tenant": "acme", "scopes": ["jobs:read"]}

    api.send("POST", "/v1/admin/keys", json=body, headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.7"})

    [line] = [vars(record) for record in caplog.records if record.message == "key_made"]
    assert (line["by"], line["client"], line["tenant"]) == ("operator", client, "acme")
