"""Which pages may call the API from a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.process import ApiProcess
from tests.api.conftest import Api

PAGE = "https://app.example.org"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
}

pytestmark = pytest.mark.usefixtures("redis_url")


@pytest.fixture(scope="module")
def browser(make_process: Callable[..., ApiProcess]) -> FlaskClient:
    return make_process({"API_CORS_ORIGINS": f"{PAGE}, http://localhost:3000"}).test_client()


def preflight(client: FlaskClient, origin: str) -> Any:
    return client.options("/v1/jobs", headers=PREFLIGHT | {"Origin": origin})


def test_a_preflight_needs_no_key(browser: FlaskClient) -> None:
    answer = preflight(browser, PAGE)

    assert (answer.status_code, answer.text) == (204, "")
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "POST", "PATCH", "DELETE"}
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type, x-stainless-lang"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert {"Origin", "Access-Control-Request-Headers"} <= set(answer.headers["Vary"].split(", "))


def test_a_page_may_read_what_clients_need(browser: FlaskClient) -> None:
    answer = Api(browser).post("/v1/jobs", {"input": {"prompt": "Hark!"}}, Origin="http://localhost:3000")

    assert answer.status_code == 202
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"x-request-id", "Location", "Retry-After", "ETag", "Link"} <= exposed


def test_a_page_may_read_why_it_was_refused(browser: FlaskClient) -> None:
    answer = browser.get("/v1/jobs", headers={"Origin": PAGE})

    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.org", "http://app.example.org", f"{PAGE}.evil.org", f"{PAGE}:8443", "null", ""],
)
def test_other_origins_are_told_nothing(browser: FlaskClient, origin: str) -> None:
    assert preflight(browser, origin).status_code == 401
    for answer in (preflight(browser, origin), Api(browser).get("/v1/jobs", Origin=origin)):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
        assert answer.headers["Vary"] == "Origin"


def test_what_is_no_preflight_still_needs_a_key(browser: FlaskClient) -> None:
    assert browser.options("/v1/jobs", headers={"Origin": PAGE}).status_code == 401


def test_without_the_setting_nothing_is_added(api: Api) -> None:
    answer = api.get("/v1/jobs", Origin=PAGE)

    assert "Vary" not in answer.headers
    assert preflight(api.client, PAGE).status_code == 401


def test_a_star_stands_for_every_origin(make_process: Callable[..., ApiProcess]) -> None:
    client = make_process({"API_CORS_ORIGINS": "*"}).test_client()

    assert preflight(client, PAGE).headers["Access-Control-Allow-Origin"] == "*"
