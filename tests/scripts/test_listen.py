"""`frontier listen`: real requests to a real process."""

from __future__ import annotations

import secrets as randomness
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.signature import TOLERANCE_SECONDS, Secret, signed_headers
from jobs.webhooks.event import EVENT_TYPES
from tests.scripts.client_app import eventually
from tests.scripts.endpoint_api import CLOSED, EndpointApi
from tests.scripts.job_server import Fault, JobServer
from tests.scripts.listening import Listening, envelope, refused_start

SECRET = Secret.new(randomness.token_bytes)
OTHER = Secret.new(randomness.token_bytes)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with Listening(NOWHERE, tmp_path_factory.mktemp("home"), "--secret", SECRET.text) as listening:
        yield listening


@pytest.fixture
def event_id() -> str:
    """One that nobody has sent before."""
    return f"evt_{randomness.token_hex(8)}"


@pytest.fixture
def server() -> Iterator[JobServer]:
    with JobServer() as server:
        yield server


@pytest.fixture
def endpoints(server: JobServer) -> EndpointApi:
    api = EndpointApi(server.api)
    server.answer = api.answer
    return api


def test_a_signed_event_is_accepted_and_printed_with_the_beginning_of_its_result(
    listening: Listening, event_id: str
) -> None:
    body = envelope(event_id, model="shakespeare", result={"text": "Good night,\n" + "good night! " * 20})
    assert listening.post(SECRET, event_id, body) == 204
    line = listening.wait_for(listening.out, event_id)
    assert f"job.succeeded  {event_id}  job_7  shakespeare" in line
    assert '"Good night,\\ngood night!' in line
    assert line.endswith('…"')


def test_the_error_of_a_failed_job_is_printed(listening: Listening, event_id: str) -> None:
    body = envelope(event_id, "job.failed", error={"code": "timeout", "message": "ran for 600 s"})
    assert listening.post(SECRET, event_id, body) == 204
    assert "timeout: ran for 600 s" in listening.wait_for(listening.out, event_id)


def test_an_event_that_comes_again_is_accepted_and_passed_over(listening: Listening, event_id: str) -> None:
    for _ in range(2):
        assert listening.post(SECRET, event_id, envelope(event_id)) == 204
    listening.wait_for(listening.err, f"again: {event_id}")
    assert listening.printed(event_id) == 1


def test_a_request_with_a_wrong_signature_is_refused_with_the_reason(listening: Listening, event_id: str) -> None:
    body = envelope(event_id)
    assert listening.post(OTHER, event_id, body) == 400
    assert "raw bytes" in listening.wait_for(listening.err, "refused: no signature is of this body and this secret")
    assert listening.post(SECRET, event_id, body, at=time.time() - 2 * TOLERANCE_SECONDS) == 400
    listening.wait_for(listening.err, "refused: it was signed more than 300 s from now; check the clocks")
    assert listening.send("POST", body) == 400
    listening.wait_for(listening.err, "refused: the header webhook-id is missing")
    tampered = signed_headers([SECRET], event_id, int(time.time()), body)
    assert listening.send("POST", body.replace(b"job_7", b"job_8"), tampered) == 400
    assert listening.post(SECRET, event_id, body) == 204
    listening.wait_for(listening.out, event_id)
    assert listening.printed(event_id) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b'"job"', b'{"type": 1}', b"\xff", b"[" * 100_000])
def test_what_is_signed_and_no_event_is_refused(listening: Listening, event_id: str, body: bytes) -> None:
    headers = signed_headers([SECRET], event_id, int(time.time()), body) | {"Content-Length": str(len(body))}
    told = len(listening.err)
    assert listening.send("POST", body, headers) == 400
    eventually(lambda: any("refused: it is signed, but no event" in line for line in listening.err[told:]), 60)


def test_only_posts_of_a_told_and_bearable_length_are_read(listening: Listening, event_id: str) -> None:
    assert [listening.send(method) for method in ("GET", "PUT", "DELETE")] == [405, 405, 405]
    assert listening.announce("1048577") == 413
    assert listening.announce("9" * 5000) == 413
    assert listening.announce("-1") == 411
    assert listening.announce("many") == 411
    assert listening.send("POST", b"5\r\nhello\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}) == 411
    assert listening.post(SECRET, event_id, envelope(event_id)) == 204


def test_a_sender_that_is_silent_or_hangs_up_holds_up_nobody(listening: Listening, event_id: str) -> None:
    with socket.create_connection(("127.0.0.1", listening.port)) as silent:
        silent.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab")
        assert listening.post(SECRET, event_id, envelope(event_id)) == 204
    assert listening.post(SECRET, event_id, envelope(event_id)) == 204


def test_json_prints_each_body_as_it_was_sent(tmp_path: Path) -> None:
    with Listening(NOWHERE, tmp_path, "--secret", SECRET.text, "--json") as listening:
        body = envelope("evt_1", result={"text": "é \u2028"})
        for _ in range(2):
            assert listening.post(SECRET, "evt_1", body) == 204
        assert listening.end() == 0
        assert [line.encode() for line in listening.out] == [body]


def test_several_secrets_are_good_and_only_the_types_asked_for_are_printed(tmp_path: Path) -> None:
    words = ("--secret", SECRET.text, "--secret", OTHER.text, "--event", "job.failed")
    with Listening(NOWHERE, tmp_path, *words) as listening:
        assert listening.post(SECRET, "evt_1", envelope("evt_1", "job.succeeded")) == 204
        assert listening.post(OTHER, "evt_2", envelope("evt_2", "job.failed")) == 204
        listening.end()
        assert ["evt_2" in line for line in listening.out] == [True]


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
        listening.wait_for(listening.out, "evt_1")
