"""`frontier listen`: real requests to a real process."""

from __future__ import annotations

import json
import secrets as randomness
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.signature import TOLERANCE_SECONDS, Secret, signed_headers
from jobs.webhooks.event import EVENT_TYPES
from tests.scripts.endpoint_api import CLOSED, EndpointApi
from tests.scripts.job_server import Fault, JobServer
from tests.scripts.listening import Listening, envelope, refused_start

SECRET = Secret.new(randomness.token_bytes)
OTHER = Secret.new(randomness.token_bytes)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    with Listening(NOWHERE, tmp_path, "--secret", SECRET.text) as listening:
        yield listening


@pytest.fixture
def server() -> Iterator[JobServer]:
    with JobServer() as server:
        yield server


@pytest.fixture
def endpoints(server: JobServer) -> EndpointApi:
    api = EndpointApi(server.api)
    server.answer = api.answer
    return api


def test_a_signed_event_is_accepted_and_printed_with_the_beginning_of_its_result(listening: Listening) -> None:
    body = envelope("evt_1", model="shakespeare", result={"text": "Good night,\n" + "good night! " * 20})
    assert listening.post(SECRET, "evt_1", body) == 204
    line = listening.wait_for(listening.out, "evt_1")
    assert "job.succeeded  evt_1  job_7  shakespeare" in line
    assert '"Good night,\\ngood night!' in line
    assert line.endswith('…"')


def test_the_error_of_a_failed_job_is_printed(listening: Listening) -> None:
    body = envelope("evt_1", "job.failed", error={"code": "timeout", "message": "ran for 600 s"})
    assert listening.post(SECRET, "evt_1", body) == 204
    assert "timeout: ran for 600 s" in listening.wait_for(listening.out, "job.failed")


def test_an_event_that_comes_again_is_accepted_and_passed_over(listening: Listening) -> None:
    for _ in range(2):
        assert listening.post(SECRET, "evt_1", envelope("evt_1")) == 204
    assert "evt_1" in listening.wait_for(listening.err, "again: ")
    listening.end()
    assert len(listening.out) == 1


def test_a_request_with_a_wrong_signature_is_refused_with_the_reason(listening: Listening) -> None:
    body = envelope("evt_1")
    assert listening.post(OTHER, "evt_1", body) == 400
    assert "raw bytes" in listening.wait_for(listening.err, "refused: no signature is of this body and this secret")
    assert listening.post(SECRET, "evt_1", body, at=time.time() - 2 * TOLERANCE_SECONDS) == 400
    listening.wait_for(listening.err, "refused: it was signed more than 300 s from now; check the clocks")
    assert listening.send("POST", body) == 400
    listening.wait_for(listening.err, "refused: the header webhook-id is missing")
    tampered = signed_headers([SECRET], "evt_1", int(time.time()), body)
    assert listening.send("POST", body.replace(b"job_7", b"job_8"), tampered) == 400
    listening.end()
    assert listening.out == []


def test_a_refused_event_is_no_duplicate_when_it_comes_well_signed(listening: Listening) -> None:
    assert listening.post(OTHER, "evt_1", envelope("evt_1")) == 400
    assert listening.post(SECRET, "evt_1", envelope("evt_1")) == 204
    listening.wait_for(listening.out, "evt_1")


@pytest.mark.parametrize("body", [b"", b"[]", b'"job"', b'{"type": 1}', b"\xff", b"[" * 100_000])
def test_what_is_signed_and_no_event_is_refused(listening: Listening, body: bytes) -> None:
    headers = signed_headers([SECRET], "evt_1", int(time.time()), body) | {"Content-Length": str(len(body))}
    assert listening.send("POST", body, headers) == 400
    listening.wait_for(listening.err, "refused: it is signed, but no event")


def test_only_posts_of_a_told_and_bearable_length_are_read(listening: Listening) -> None:
    assert [listening.send(method) for method in ("GET", "PUT", "DELETE")] == [405, 405, 405]
    assert listening.announce("1048577") == 413
    assert listening.announce("9" * 5000) == 413
    assert listening.announce("-1") == 411
    assert listening.announce("many") == 411
    assert listening.send("POST", b"5\r\nhello\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}) == 411
    assert listening.post(SECRET, "evt_1", envelope("evt_1")) == 204


def test_a_sender_that_hangs_up_or_is_silent_holds_up_nobody(listening: Listening) -> None:
    with socket.create_connection(("127.0.0.1", listening.port)) as silent:
        silent.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab")
        assert listening.post(SECRET, "evt_1", envelope("evt_1")) == 204
    assert listening.post(SECRET, "evt_2", envelope("evt_2")) == 204


def test_json_prints_each_body_as_it_was_sent(tmp_path: Path) -> None:
    with Listening(NOWHERE, tmp_path, "--secret", SECRET.text, "--json") as listening:
        body = envelope("evt_1", result={"text": "é \u2028"})
        for _ in range(2):
            assert listening.post(SECRET, "evt_1", body) == 204
        assert listening.end() == 0
        assert [line.encode() for line in listening.out] == [body]


def test_other_types_than_those_asked_for_are_accepted_and_not_printed(tmp_path: Path) -> None:
    with Listening(NOWHERE, tmp_path, "--secret", SECRET.text, "--event", "job.failed") as listening:
        assert listening.post(SECRET, "evt_1", envelope("evt_1", "job.succeeded")) == 204
        assert listening.post(SECRET, "evt_2", envelope("evt_2", "job.failed")) == 204
        listening.end()
        assert ["evt_2" in line for line in listening.out] == [True]


def test_each_of_several_secrets_is_good(tmp_path: Path) -> None:
    with Listening(NOWHERE, tmp_path, "--secret", SECRET.text, "--secret", OTHER.text) as listening:
        assert listening.post(SECRET, "evt_1", envelope("evt_1")) == 204
        assert listening.post(OTHER, "evt_2", envelope("evt_2")) == 204


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_without_a_secret_it_registers_itself_and_deletes_the_endpoint_at_the_end(
    server: JobServer, endpoints: EndpointApi, tmp_path: Path, number: signal.Signals
) -> None:
    with Listening(server.url, tmp_path) as listening:
        endpoint = endpoints.made[0]
        assert endpoint["url"] == f"http://127.0.0.1:{listening.port}/"
        assert endpoint["event_types"] == list(EVENT_TYPES)
        assert "registered at " + server.url in listening.err[0]
        assert listening.post(Secret.parse(endpoint["signing_secret"]), "evt_1", envelope("evt_1")) == 204
        listening.wait_for(listening.out, "evt_1")
        assert listening.end(number) == 0
    assert not endpoints.endpoints


def test_registered_it_says_that_jobs_own_webhooks_have_another_secret(
    server: JobServer, endpoints: EndpointApi, tmp_path: Path
) -> None:
    with Listening(server.url, tmp_path, "--event", "job.succeeded", "--event", "job.failed") as listening:
        assert endpoints.made[0]["event_types"] == ["job.succeeded", "job.failed"]
        assert listening.post(OTHER, "evt_1", envelope("evt_1")) == 400
        assert "give that with --secret" in listening.wait_for(listening.err, "refused: ")


def test_what_a_killed_one_left_at_the_same_address_is_taken_away_and_nothing_else(
    server: JobServer, endpoints: EndpointApi, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    endpoints.endpoints = {
        "we_a": {"id": "we_a", "name": "frontier listen", "url": url},
        "we_b": {"id": "we_b", "name": "frontier listen", "url": "http://127.0.0.1:1/"},
        "we_c": {"id": "we_c", "name": "mine", "url": url},
    }
    with Listening(server.url, tmp_path, "--port", str(port)) as listening:
        assert set(endpoints.endpoints) == {"we_b", "we_c", "we_1"}
        listening.end()
    assert set(endpoints.endpoints) == {"we_b", "we_c"}


def test_where_the_address_is_not_allowed_it_says_how_to_open_it(
    server: JobServer, endpoints: EndpointApi, tmp_path: Path
) -> None:
    endpoints.refusal = CLOSED
    status, complaint = refused_start(server.url, tmp_path, "--port", "0")
    assert status == 1
    assert "WEBHOOK_ALLOW_CIDRS=127.0.0.0/8 frontier up" in complaint


def test_an_endpoint_that_cannot_be_deleted_is_named(server: JobServer, endpoints: EndpointApi, tmp_path: Path) -> None:
    with Listening(server.url, tmp_path) as listening:
        server.faults.append(Fault("DELETE", 503))
        assert listening.end() == 0
        assert "we_1 is still registered" in listening.err[-1]
    assert set(endpoints.endpoints) == {"we_1"}


def test_it_ends_and_deletes_its_endpoint_when_nobody_reads_what_it_prints(
    server: JobServer, endpoints: EndpointApi, tmp_path: Path
) -> None:
    with Listening(server.url, tmp_path, "--json", reads=False) as listening:
        listening.hang_up()
        secret = Secret.parse(endpoints.made[0]["signing_secret"])
        listening.post(secret, "evt_1", envelope("evt_1"))
        server.api.wait_until(lambda: not endpoints.endpoints, 60)


def test_a_taken_port_a_wrong_secret_and_an_absent_system_are_told_in_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, complaint = refused_start(NOWHERE, tmp_path, "--port", str(taken.getsockname()[1]))
        assert (status, "cannot listen on 127.0.0.1" in complaint) == (1, True)
    status, complaint = refused_start(NOWHERE, tmp_path, "--secret", "whsec_short")
    assert (status, "--secret" in complaint) == (2, True)
    status, complaint = refused_start(NOWHERE, tmp_path, "--port", "0")
    assert (status, "nothing answers at http://127.0.0.1:9" in complaint) == (1, True)


def test_the_secret_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", f"{SECRET.text} {OTHER.text}")
    with Listening(NOWHERE, tmp_path) as listening:
        assert listening.post(OTHER, "evt_1", envelope("evt_1")) == 204
        assert json.loads(envelope("evt_1"))["type"] in listening.wait_for(listening.out, "evt_1")
