from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest
import trustme

from resilience.egress.errors import Fault, RequestFailed
from resilience.egress.guard import Destination, EgressGuard, EgressRules
from resilience.egress.post import Limits, Poster, Reply
from scripts.ports import free_port
from tests.resilience.rude_server import OK, Behaviour, RudeServer, answers

NAME = "hooks.example.org"
GUARD = EgressGuard(EgressRules(exempt=(IPv4Network("127.0.0.0/8"),)), lambda _host, _port: ["127.0.0.1"])
SHORT = Limits(connect_seconds=5, read_seconds=5, total_seconds=0.5)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def _certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def _post(server: RudeServer, poster: Poster | None = None, *, path: str = "/x") -> Reply:
    destination = GUARD.check(f"http://127.0.0.1:{server.port}{path}")
    return (poster or Poster()).post(destination, b'{"a":1}', {"Content-Type": "application/json"})


def _fault(behaviour: Behaviour, limits: Limits | None = None) -> Fault:
    with RudeServer(behaviour) as server, pytest.raises(RequestFailed) as failed:
        _post(server, Poster(limits=limits))
    return failed.value.fault


def test_a_request_names_the_host_in_tls_and_in_its_header_and_the_address_nowhere(
    authority: trustme.CA, trust: ssl.SSLContext
) -> None:
    with RudeServer(answers(OK), tls=_certified(authority, NAME)) as server:
        reply = Poster(trust=trust).post(GUARD.check(f"https://{NAME}:{server.port}/a?b=%20"), b"{}", {"X-A": "1"})
    assert (reply.status, reply.body, reply.is_success) == (200, b"ok", True)
    assert server.server_names == [NAME]
    assert trust.check_hostname
    [request] = server.requests
    assert request.startswith(b"POST /a?b=%20 HTTP/1.1\r\n")
    assert f"host: {NAME}:{server.port}\r\n".encode() in request.lower()
    assert b"accept-encoding: identity\r\n" in request.lower()
    assert b"127.0.0.1" not in request
    assert request.endswith(b"\r\n\r\n{}")


def test_a_certificate_of_another_name_or_of_nobody_known_is_refused(
    authority: trustme.CA, trust: ssl.SSLContext
) -> None:
    for certified, trusted in (("other.example.org", trust), (NAME, ssl.create_default_context())):
        with RudeServer(answers(OK), tls=_certified(authority, certified)) as server:
            destination = GUARD.check(f"https://{NAME}:{server.port}/")
            with pytest.raises(RequestFailed) as failed:
                Poster(trust=trusted).post(destination, b"{}", {})
        assert failed.value.fault is Fault.TLS
        assert b"".join(server.requests) == b""


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with RudeServer(answers(OK)) as inside:
        location = f"Location: http://127.0.0.1:{inside.port}/secret".encode()
        for status in (301, 302, 303, 307, 308):
            raw = b"HTTP/1.1 %d Moved\r\n%s\r\nContent-Length: 0\r\n\r\n" % (status, location)
            with RudeServer(answers(raw)) as server:
                reply = _post(server)
            assert (reply.status, reply.is_success) == (status, False)
    assert inside.requests == []


def test_the_next_address_is_asked_where_the_first_takes_no_connection(
    authority: trustme.CA, trust: ssl.SSLContext
) -> None:
    with RudeServer(answers(OK), tls=_certified(authority, NAME)) as server:
        checked = GUARD.check(f"https://{NAME}:{server.port}/")
        both = Destination(checked.target, (IPv4Address("127.9.9.9"), *checked.addresses))
        assert Poster(trust=trust).post(both, b"{}", {}).is_success


def test_nobody_listens() -> None:
    with pytest.raises(RequestFailed) as failed:
        Poster().post(GUARD.check(f"http://127.0.0.1:{free_port()}/"), b"{}", {})
    assert failed.value.fault is Fault.CONNECT


def test_a_connection_dropped_after_the_request_is_a_fault_not_an_answer() -> None:
    assert _fault(lambda connection: connection.shutdown(socket.SHUT_RDWR)) is Fault.PROTOCOL


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ],
    ids=["cut off", "no head", "no status", "too many headers"],
)
def test_what_is_no_answer_of_http_is_a_fault(raw: bytes) -> None:
    assert _fault(answers(raw)) is Fault.PROTOCOL


def test_silence_is_a_timeout() -> None:
    assert _fault(_until_closed, Limits(read_seconds=0.2)) is Fault.TIMEOUT


@pytest.mark.parametrize(
    "begin",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["headers", "body", "body without a length"],
)
def test_an_answer_that_trickles_ends_at_the_total_deadline(begin: bytes) -> None:
    """Each byte comes well within the timeout of a read."""

    def trickle(connection: socket.socket) -> None:
        connection.sendall(begin)
        while not server.wait(0.02):
            connection.sendall(b"a" if b"\r\n\r\n" in begin else b"A: b\r\n"[:1])

    with RudeServer(trickle) as server, pytest.raises(RequestFailed) as failed:
        _post(server, Poster(limits=SHORT))
    assert failed.value.fault is Fault.TIMEOUT


def test_a_handshake_that_never_ends_ends_at_the_total_deadline() -> None:
    """The server speaks no TLS, it only listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        destination = GUARD.check(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        with pytest.raises(RequestFailed) as failed:
            Poster(limits=SHORT).post(destination, b"{}", {})
    assert failed.value.fault is Fault.TIMEOUT


def test_of_a_huge_answer_only_the_beginning_is_read() -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while not server.wait(0):
            sent += connection.send(b"x" * 65536)

    with RudeServer(flood) as server:
        reply = _post(server)
    assert (reply.status, len(reply.body)) == (200, 64 * 1024)
    assert sent < 100 * 1024 * 1024


def test_what_is_compressed_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 1_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with RudeServer(answers(head + bomb)) as server:
        assert _post(server).body == bomb


@pytest.mark.parametrize("status", [200, 204, 299, 199, 300, 404, 410, 503])
def test_only_two_hundreds_are_success(status: int) -> None:
    assert Reply(status, {}, b"").is_success is (200 <= status <= 299)


def _until_closed(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() <= before
