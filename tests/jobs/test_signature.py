from __future__ import annotations

import base64
import secrets as randomness
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI
from standardwebhooks import Webhook

from jobs.signature import BadSecret, BadSignature, Secret, signed_headers, verify

EVENT_ID = "evt_3k9XbQ"
BODY = b'{"type":"job.succeeded","data":{"id":"job_1","text":"\xc3\xa9 \\u2028"}}'
NOW = 1_764_000_000


def new_secret() -> Secret:
    return Secret.new(randomness.token_bytes)


def test_the_vector_of_the_specification() -> None:
    """From spec/standard-webhooks.md and the tests of its libraries."""
    secret = Secret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = secret.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("count", [1, 2, 5])
def test_foreign_libraries_verify_what_we_sign_with_any_of_the_secrets(count: int) -> None:
    secrets = [new_secret() for _ in range(count)]
    now = int(datetime.now(UTC).timestamp())
    body = b'{"id":"evt_1","object":"event","created_at":1,"type":"job.succeeded","data":{"id":"job_1"}}'
    headers = signed_headers(secrets, EVENT_ID, now, body)
    for secret in secrets:
        assert Webhook(secret.text).verify(body, headers)["type"] == "job.succeeded"
        client = OpenAI(api_key="none", webhook_secret=secret.text)
        assert client.webhooks.unwrap(body, headers).model_dump()["type"] == "job.succeeded"


def test_we_verify_what_a_foreign_library_signs() -> None:
    secret = new_secret()
    signature = Webhook(secret.text).sign(EVENT_ID, datetime.fromtimestamp(NOW, UTC), BODY.decode())
    headers = {"Webhook-Id": EVENT_ID, "Webhook-Timestamp": str(NOW), "Webhook-Signature": f"v1a,x {signature}"}
    assert verify([new_secret(), secret], headers, BODY, now=NOW + 299) == EVENT_ID


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"webhook-id": "evt_other"}, "no signature"),
        ({"webhook-id": ""}, "webhook-id is missing"),
        ({"webhook-timestamp": str(NOW + 1)}, "no signature"),
        ({"webhook-timestamp": str(NOW - 301)}, "clocks"),
        ({"webhook-timestamp": str(NOW + 301)}, "clocks"),
        ({"webhook-timestamp": f"{NOW}.5"}, "no number"),
        ({"webhook-timestamp": f" {NOW}"}, "no number"),
        ({"webhook-timestamp": "١٢٣"}, "no number"),
        ({"webhook-signature": ""}, "webhook-signature is missing"),
        ({"webhook-signature": "v1,"}, "no signature"),
        ({"webhook-signature": "nonsense,with,commas"}, "no signature"),
        ({"webhook-signature": "v1,é\udcff"}, "no signature"),
    ],
    ids=str,
)
def test_what_was_changed_on_the_way_is_refused_and_it_is_said_why(changed: dict[str, str], words: str) -> None:
    secret = new_secret()
    headers = signed_headers([secret], EVENT_ID, NOW, BODY) | changed
    with pytest.raises(BadSignature, match=words):
        verify([secret], headers, BODY, now=NOW)


def test_another_body_or_another_secret_is_refused() -> None:
    secret = new_secret()
    headers = signed_headers([secret], EVENT_ID, NOW, BODY)
    for secrets, body in (([secret], BODY + b" "), ([new_secret()], BODY), ([], BODY)):
        with pytest.raises(BadSignature):
            verify(secrets, headers, body, now=NOW)


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()), st.binary()
)
def test_any_request_is_verified_or_refused(headers: dict[str, str], body: bytes) -> None:
    with suppress(BadSignature):
        verify([Secret(b"x" * 32)], headers, body, now=NOW)


def test_a_secret_is_read_as_it_was_shown_and_shows_nothing_by_accident() -> None:
    secret = new_secret()
    assert Secret.parse(secret.text) == secret == Secret.parse(secret.text.removeprefix("whsec_"))
    assert len(secret.key) == 32
    for shown in (repr(secret), str(secret), secret.hint, f"{[secret]}"):
        assert secret.text not in shown
        assert base64.b64encode(secret.key).decode()[:8] not in shown


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_%%%", "whsec_" + base64.b64encode(b"x" * 23).decode(), "é"])
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(BadSecret):
        Secret.parse(text)
