from __future__ import annotations

import io
import logging
import os
import time
from ipaddress import ip_network
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from jobs.signature import Secret
from jobs.webhooks.delivery import DeliveryLease
from jobs.webhooks.sealing import Sealer, new_key
from resilience.egress.guard import EgressGuard, EgressRules
from resilience.egress.post import Limits, Poster
from scripts.ports import free_port
from tasks.delivering import Courier, Told
from tests.resilience.rude_server import OK, RudeServer, answers

LOOPBACK = EgressRules(exempt=(ip_network("127.0.0.0/8"),))
SEALER = Sealer([new_key()])
SECRETS = [Secret.new(os.urandom), Secret.new(os.urandom)]
BODY = '{"type":"job.succeeded","text":"ü"}'.encode()


def courier(rules: EgressRules = LOOPBACK, sealer: Sealer | None = SEALER, **changes: Any) -> Courier:
    return Courier(
        guard=EgressGuard(rules, **changes),
        poster=Poster(limits=Limits(total_seconds=20)),
        sealer=sealer,
        user_agent="Frontier/1",
        now=time.time,
        clock=time.monotonic,
    )


def test_nothing_of_a_url_and_of_a_malformed_answer_is_logged(log: io.StringIO) -> None:
    answer = b"HTTP/1.1 200 OK\r\nsecret line of the receiver\r\nContent-Length: 0\r\n\r\n"
    with RudeServer(answers(answer)) as server:
        told = courier().carry(lease(f"http://127.0.0.1:{server.port}/in?token=TOPSECRET"))
    assert told.verdict == "delivered"
    assert log.getvalue() == ""


def lease(url: str, **changes: Any) -> DeliveryLease:
    values: dict[str, Any] = {
        "delivery_id": "dlv_1",
        "tenant": "default",
        "sender": "s",
        "token": 1,
        "number": 3,
        "failures": 2,
        "event_id": "evt_1",
        "event_type": "job.succeeded",
        "endpoint_id": None,
        "url": url,
        "body": BODY,
        "sealed_secrets": tuple(SEALER.seal(secret) for secret in SECRETS),
    }
    return DeliveryLease(**{**values, **changes})


def carry(reply: bytes) -> Told:
    with RudeServer(answers(reply)) as server:
        return courier().carry(lease(f"http://127.0.0.1:{server.port}/hook"))


def request_of(server: RudeServer) -> tuple[dict[str, str], bytes]:
    head, _, body = server.requests[-1].partition(b"\r\n\r\n")
    lines = [line.decode().partition(": ") for line in head.split(b"\r\n")[1:]]
    return {name.lower(): value for name, _, value in lines}, body


def test_what_arrives_is_the_body_with_the_signatures_of_all_live_secrets() -> None:
    with RudeServer(answers(OK)) as server:
        told = courier().carry(lease(f"http://127.0.0.1:{server.port}/hook?token=1"))
    headers, body = request_of(server)
    assert body == BODY
    for secret in SECRETS:
        Webhook(secret.text).verify(body, headers)
    assert (headers["webhook-id"], headers["content-type"]) == ("evt_1", "application/json")
    assert headers["user-agent"] == "Frontier/1"
    assert headers["traceparent"].startswith("00-")
    assert (told.verdict, told.attempt.error) == ("delivered", None)
    assert (told.attempt.number, told.attempt.status, told.attempt.error, told.attempt.snippet) == (3, 200, None, "ok")
    assert told.attempt.seconds >= 0


@pytest.mark.parametrize(
    ("line", "verdict", "blame"),
    [
        ("204 No Content", "delivered", "receiver"),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", "failed", "receiver"),
        ("400 Bad Request", "failed", "answered"),
        ("404 Not Found", "failed", "answered"),
        ("410 Gone", "gone", "answered"),
        ("408 Slow", "failed", "receiver"),
        ("429 Busy", "failed", "receiver"),
        ("500 Oh", "failed", "receiver"),
    ],
)
def test_a_status_decides(line: str, verdict: str, blame: str) -> None:
    told = carry(f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode())
    assert told.verdict == verdict
    assert told.attempt.status == int(line[:3])
    assert told.attempt.error == (None if verdict == "delivered" else "status")
    assert told.blame == blame


def test_a_busy_receiver_says_when() -> None:
    busy = b"HTTP/1.1 429 Busy\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n"
    assert carry(busy).asked_for == 77
    assert carry(busy.replace(b"429", b"500")).asked_for is None


def test_the_beginning_of_an_answer_is_kept_fit_to_be_shown() -> None:
    told = carry(b"HTTP/1.1 500 Oh\r\nContent-Length: 9000\r\n\r\n" + b"\x1b[2J<b>" + b"x" * 8993)
    assert told.attempt.snippet.startswith(r"\x1b[2J<b>xxx")
    assert len(told.attempt.snippet) == 1024


def test_nobody_at_the_port_is_a_failed_connection() -> None:
    told = courier().carry(lease(f"http://127.0.0.1:{free_port()}/"))
    assert (told.attempt.error, told.attempt.status, told.verdict, told.blame) == (
        "connect",
        None,
        "failed",
        "receiver",
    )


def test_a_name_that_is_not_known_is_told_as_dns() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError(f"{host}:{port}")

    told = courier(EgressRules(), resolve=unknown).carry(lease("https://hooks.example/"))
    assert (told.attempt.error, told.blame) == ("dns", "receiver")


def test_no_answer_at_all_breaks_the_protocol() -> None:
    assert carry(b"").attempt.error == "protocol"


def test_a_url_that_is_not_allowed_is_told_without_the_reason_which_the_log_has(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO), RudeServer(answers(OK)) as server:
        told = courier(EgressRules()).carry(lease(f"http://127.0.0.1:{server.port}/?secret=1"))
    assert server.requests == []
    assert (told.attempt.error, told.attempt.snippet, told.verdict) == ("url_not_allowed", "", "failed")
    assert told.blame == "nobody"
    [line] = [record for record in caplog.records if record.message == "delivery_not_sent"]
    assert vars(line)["delivery_id"] == "dlv_1"
    assert "127.0.0.1" in vars(line)["reason"]
    assert "secret" not in str(vars(line))


@pytest.mark.parametrize(
    ("sealer", "changes"),
    [
        (None, {}),
        (Sealer([new_key()]), {}),
        (SEALER, {"sealed_secrets": ()}),
        (SEALER, {"sealed_secrets": (SEALER.seal(SECRETS[0]), b"broken")}),
    ],
    ids=["no key", "another key", "no secret", "a broken secret"],
)
def test_what_cannot_be_signed_is_not_sent_and_no_fault_of_the_receiver(
    sealer: Sealer | None, changes: dict[str, Any]
) -> None:
    with RudeServer(answers(OK)) as server:
        told = courier(sealer=sealer).carry(lease(f"http://127.0.0.1:{server.port}/", **changes))
    assert server.requests == []
    assert (told.attempt.error, told.verdict, told.blame) == ("internal", "failed", "nobody")


def test_a_fault_of_our_own_is_told_as_internal(caplog: pytest.LogCaptureFixture) -> None:
    def broken(host: str, port: int) -> list[str]:
        raise RuntimeError(f"{host}:{port}")

    told = courier(resolve=broken).carry(lease("https://hooks.example/"))
    assert (told.attempt.error, told.blame) == ("internal", "nobody")
    assert "delivery_failed_unexpectedly" in caplog.messages
