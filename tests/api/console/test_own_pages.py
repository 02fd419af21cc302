"""Other pages can do nothing with our visitor's cookie."""

from __future__ import annotations

from typing import Any

import pytest

from api.console.own_pages import token_of
from api.process import ApiProcess
from tests.api.conftest import Api
from tests.api.console.visitor import OWN, Visitor

FORGED = ["http://evil.example", "null", "http://localhost.evil.example", "http://localhost:8081", "file://", ""]


@pytest.mark.parametrize("origin", FORGED)
def test_a_form_of_another_origin_does_nothing_whatever_it_holds(api: Api, visitor: Visitor, origin: str) -> None:
    job_id = api.submit()
    answer = visitor.client.post(
        f"/jobs/{job_id}/cancel",
        data={"csrf": visitor.token},
        headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
    )

    assert answer.status_code == 403
    assert "does not come from a page of this console" in answer.text
    assert api.get(f"/v1/jobs/{job_id}").json["status"] == "queued"


@pytest.mark.parametrize("site", [None, "cross-site", "same-site", "none"])
def test_without_an_origin_the_browser_has_to_say_that_it_is_ours(api: Api, visitor: Visitor, site: str | None) -> None:
    job_id = api.submit()

    assert visitor.send(f"/jobs/{job_id}/cancel", origin=None, site=site, csrf=visitor.token).status_code == 403
    assert (
        visitor.send(f"/jobs/{job_id}/cancel", origin=None, site="same-origin", csrf=visitor.token).status_code == 303
    )
    assert api.get(f"/v1/jobs/{job_id}").json["status"] == "cancelled"


@pytest.mark.parametrize("path", ["/", "/jobs/{}/cancel", "/jobs/{}/requeue", "/logout"])
def test_a_form_without_the_token_of_the_session_does_nothing(
    api: Api, visitor: Visitor, process: ApiProcess, path: str
) -> None:
    job_id = api.submit()
    before = [job["version"] for job in api.get("/v1/jobs").json["data"]]
    other = Visitor(process)
    other.log_in()
    form = {"prompt": "Hark!", "model": "poet"}

    for token in ({}, {"csrf": ""}, {"csrf": other.token}, {"csrf": token_of("operator.x")}):
        answer = visitor.send(path.format(job_id), **form, **token)
        assert answer.status_code == 403, token

    assert [job["version"] for job in api.get("/v1/jobs").json["data"]] == before
    assert visitor.get("/").status_code == 200


def test_a_login_that_another_page_sends_is_refused(stranger: Visitor) -> None:
    assert stranger.send("/login", origin="http://evil.example", key="a-key-for-tests").status_code == 403
    assert stranger.cookie is None


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_cookie_alone_opens_nothing_of_the_api(api: Api, visitor: Visitor, method: str) -> None:
    body = {"input": {"prompt": "Hark!"}} if method == "POST" else None
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": token_of("operator.x")}, {"Origin": OWN}):
        answer: Any = visitor.client.open("/v1/jobs", method=method, json=body, headers=headers)
        assert (answer.status_code, answer.json["type"]) == (401, "/problems/not-authenticated"), headers

    assert api.get("/v1/jobs").json["data"] == []
    assert visitor.call("/v1/jobs", method, body).status_code in {200, 202}


def test_what_a_session_is_answered_is_kept_nowhere(visitor: Visitor) -> None:
    assert visitor.call("/v1/jobs").headers["Cache-Control"] == "no-store"
    assert visitor.get("/").headers["Cache-Control"] == "no-store"


def test_a_wrong_key_is_not_made_up_for_by_a_session(visitor: Visitor) -> None:
    assert visitor.call("/v1/jobs", Authorization="Bearer nonsense").status_code == 401
