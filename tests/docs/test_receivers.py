"""The receivers of docs/webhooks.md, as they stand in the page."""

from __future__ import annotations

import json
import secrets as randomness
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobs.signature import Secret, signed_headers, verify
from tests.docs.page_blocks import block_under

PATH = "/hooks/frontier"
SECRET = Secret.new(randomness.token_bytes)
EVENT_ID = "evt_019dcb0a4f2c0000OEy5NG8ZXPXcJwjbFynrcb"
EVENT = {
    "id": EVENT_ID,
    "object": "event",
    "created_at": 1795384000,
    "type": "job.succeeded",
    "timestamp": "2026-11-22T19:06:40.940Z",
    "data": {"id": "job_1", "object": "job", "model": "shakespeare", "status": "succeeded", "result": {"text": "é"}},
}
BODY = json.dumps(EVENT, separators=(",", ":"), ensure_ascii=False).encode()

Post = Callable[[bytes, Mapping[str, str]], int]


def run_block(heading: str) -> dict[str, Any]:
    """What the example defines once it has run."""
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(block_under(heading, "webhooks.md"), heading, "exec", dont_inherit=True), names)
    return names


@pytest.fixture(params=["### Flask", "### FastAPI"])
def post(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET.text)
    app = run_block(request.param)["app"]
    if request.param == "### Flask":
        flask = app.test_client()
        return lambda body, headers: int(
            flask.post(PATH, data=body, headers=dict(headers), content_type="application/json").status_code
        )
    fast = TestClient(app)
    return lambda body, headers: int(
        fast.post(PATH, content=body, headers={**headers, "content-type": "application/json"}).status_code
    )


def signed(body: bytes = BODY, *secrets: Secret, at: float | None = None) -> dict[str, str]:
    return signed_headers(secrets or [SECRET], EVENT_ID, int(at or time.time()), body)


def test_what_we_have_signed_is_accepted(post: Post) -> None:
    assert post(BODY, signed()) == 204


def test_what_is_signed_with_two_secrets_is_accepted_by_who_knows_one(post: Post) -> None:
    other = Secret.new(randomness.token_bytes)
    assert post(BODY, signed(BODY, other, SECRET)) == 204


def test_a_body_that_was_changed_on_the_way_is_refused(post: Post) -> None:
    assert post(BODY.replace(b"job_1", b"job_2"), signed()) == 400


def test_the_same_json_written_anew_is_refused(post: Post) -> None:
    anew = json.dumps(json.loads(BODY)).encode()
    assert json.loads(anew) == json.loads(BODY)
    assert post(anew, signed()) == 400


def test_another_secret_an_old_timestamp_and_missing_headers_are_refused(post: Post) -> None:
    assert post(BODY, signed(BODY, Secret.new(randomness.token_bytes))) == 400
    assert post(BODY, signed(at=time.time() - 3600)) == 400
    assert post(BODY, {}) == 400
    assert post(BODY, signed() | {"webhook-signature": "no comma"}) == 400
    assert post(b"\xff", signed(b"\xff")) == 400


def test_the_request_that_the_page_shows_is_signed_as_it_says() -> None:
    head, _, body = block_under("## What is sent", "webhooks.md").partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    secret = Secret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed_body = body.replace("\n", "").encode()
    signed_at = float(headers["webhook-timestamp"])
    assert verify([secret], headers, signed_body, now=signed_at) == json.loads(signed_body)["id"]


def test_flask_stores_an_event_that_comes_twice_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET.text)
    client = run_block("### Flask")["app"].test_client()
    for _ in range(2):
        assert client.post(PATH, data=BODY, headers=signed()).status_code == 204
    with sqlite3.connect("inbox.db") as database:
        assert database.execute("SELECT id, body FROM inbox").fetchall() == [(EVENT_ID, BODY)]
    database.close()


def test_fastapi_works_on_an_event_that_comes_twice_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET.text)
    client = TestClient(run_block("### FastAPI")["app"])
    for _ in range(2):
        assert client.post(PATH, content=BODY, headers=signed()).status_code == 204
    assert capsys.readouterr().out == "job.succeeded of job_1\n"
